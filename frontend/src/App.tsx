import { type ReactNode, useEffect, useState } from "react";

import { AlertsPanel } from "./components/AlertsPanel";
import { Controls } from "./components/Controls";
import { EmotionsPanel } from "./components/EmotionsPanel";
import { FeedPanel } from "./components/FeedPanel";
import { GaugePanel } from "./components/GaugePanel";
import { Header } from "./components/Header";
import { ModelPanel } from "./components/ModelPanel";
import { CommonProblem } from "./components/Panel";
import { SharePanel } from "./components/SharePanel";
import { SignIn } from "./components/SignIn";
import { Splash } from "./components/Splash";
import { TotalsPanel } from "./components/TotalsPanel";
import { TrendPanel } from "./components/TrendPanel";
import { formatScore } from "./lib/format";
import { moodOf } from "./lib/mood";
import { useAppState } from "./state/context";

/** The page: a question while it is not known who looks, the sign-in, or the dashboard. */
export function App({ offeredKey }: { readonly offeredKey: string | null }): ReactNode {
  const session = useAppState((state) => state.session);
  const score = useAppState((state) => state.summary.value?.score ?? null);

  // A key that was taken is forgotten: after a sign-out it would let in whoever comes next.
  const [offered, setOffered] = useState(offeredKey);
  useEffect(() => {
    if (session === "signed-in") setOffered(null);
  }, [session]);

  // The reading stands on the browser's tab too.
  useEffect(() => {
    document.title = score === null ? "Barometer" : `${formatScore(score)} ${moodOf(score)} · Barometer`;
  }, [score]);

  if (session === "signed-out") return <SignIn offeredKey={offered} />;
  if (session === "checking") return <Splash />;
  return (
    <>
      <a className="skip" href="#main">
        Skip to the readings
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        <Controls />
        <CommonProblem />
        <div className="board">
          <div className="board__readings">
            <GaugePanel />
            <div className="board__figures">
              <TotalsPanel />
              <SharePanel />
            </div>
            <TrendPanel />
            <EmotionsPanel />
            <AlertsPanel />
            <ModelPanel />
          </div>
          <FeedPanel />
        </div>
      </main>
    </>
  );
}
