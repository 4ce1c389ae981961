"""What the simulated people talk about: eight made-up things, each with its own words.

Every post on a topic names it (``names``, or a tag in ``tags``), and ``query`` finds exactly those posts.
"""

from dataclasses import dataclass

from infra.feeds.simulate.moods import Climate


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic.

    Attributes:
        slug: its name in Barometer.
        query: finds every post that names it.
        names: how people call it.
        tags: its hashtags, without ``#``.
        weight: its share of the talk on a calm day.
        peak: seconds into the simulator's day at which it is most talked of.
        climate: its mood when nothing happens.
        aspects: singular nouns that follow "the" or "its".
        praise, gripes, facts: clauses in which it did well, did badly, or just did.
        troubles: what people call the thing that started a storm, after "the".
    """

    slug: str
    query: str
    names: tuple[str, ...]
    tags: tuple[str, ...]
    weight: float
    peak: float
    climate: Climate
    aspects: tuple[str, ...]
    praise: tuple[str, ...]
    gripes: tuple[str, ...]
    facts: tuple[str, ...]
    troubles: tuple[str, ...]


HOUR = 3600.0

TOPICS = (
    Topic(
        slug="harbour-line",
        query='"harbour line" OR #harbourline',
        names=("the Harbour Line", "Harbour Line"),
        tags=("HarbourLine",),
        weight=1.4,
        peak=8 * HOUR,
        climate=Climate(positive=0.26, negative=0.27),
        aspects=("timetable", "platform", "announcement", "ticket app", "night service", "carriage", "driver"),
        praise=(
            "every train came to the minute",
            "the new carriages are quiet and bright",
            "a conductor walked my gran to her seat",
            "the night service got me home",
        ),
        gripes=(
            "the doors jammed at Millgate again",
            "three trains in a row never came",
            "nobody on the platform knew anything",
            "we stood in a dark tunnel for {n} minutes",
        ),
        facts=(
            "the winter timetable starts on Monday",
            "platform {digit} is in use from {hour}",
            "trains run every {digit} minutes on Sunday",
            "the Millgate stop has two new ticket machines",
        ),
        troubles=("signal failure", "tunnel evacuation", "cancelled evening service", "fare rise"),
    ),
    Topic(
        slug="aurora-x2",
        query='"aurora x2" OR #aurorax2',
        names=("the Aurora X2", "Aurora X2", "my Aurora X2"),
        tags=("AuroraX2",),
        weight=1.6,
        peak=20 * HOUR,
        climate=Climate(positive=0.38, negative=0.2),
        aspects=("battery", "camera", "screen", "update", "charger", "keyboard", "speaker", "case"),
        praise=(
            "the battery lasts two full days",
            "the camera sees in the dark",
            "setup took {digit} minutes",
            "the screen makes every photo shine",
        ),
        gripes=(
            "it reboots whenever I take a call",
            "the battery was empty by {hour}",
            "the update ate all my photos",
            "the screen has a green line after {n} days",
        ),
        facts=(
            "the box holds a cable and a manual",
            "version {digit}.{digit} is out for testers",
            "it comes in grey and in sand",
            "the case weighs {n} grams",
        ),
        troubles=("battery recall", "broken update", "data leak", "overheating"),
    ),
    Topic(
        slug="skylark-air",
        query='"skylark air" OR #skylarkair',
        names=("Skylark Air",),
        tags=("SkylarkAir",),
        weight=1.1,
        peak=10 * HOUR,
        climate=Climate(positive=0.28, negative=0.3),
        aspects=("crew", "check-in", "seat", "legroom", "boarding", "breakfast", "baggage desk", "pilot"),
        praise=(
            "we landed {n} minutes early",
            "the crew found my boy's teddy",
            "they moved us to the front row without a fee",
            "boarding took {digit} minutes",
        ),
        gripes=(
            "my suitcase went to another country",
            "we sat at gate {n} until midnight",
            "they sold my seat twice",
            "the desk closed while we were still in the queue",
        ),
        facts=(
            "flight {n} leaves from gate {digit}",
            "the summer schedule lists {n} routes",
            "check-in opens at {hour}",
            "the Lisbon route moves to terminal {digit}",
        ),
        troubles=("cancelled flights", "baggage chaos", "emergency landing", "pilot walkout"),
    ),
    Topic(
        slug="bramble-coffee",
        query='"bramble coffee" OR #bramblecoffee',
        names=("Bramble Coffee",),
        tags=("BrambleCoffee",),
        weight=0.9,
        peak=9 * HOUR,
        climate=Climate(positive=0.44, negative=0.14),
        aspects=("espresso", "oat cappuccino", "cinnamon bun", "barista", "counter", "corner table", "menu"),
        praise=(
            "the bun was still warm",
            "the barista remembers every name",
            "the new roast smells of cherries",
            "they drew a fox in the foam",
        ),
        gripes=(
            "there was a hair in my cup",
            "the milk had gone off",
            "they charged me twice",
            "I waited {n} minutes for one espresso",
        ),
        facts=(
            "the shop on Mill Street opens at {hour}",
            "the menu has {n} items now",
            "they roast on Tuesday",
            "a second counter is being built",
        ),
        troubles=("mouldy milk", "price rise", "hygiene report", "sacked barista"),
    ),
    Topic(
        slug="kestrel-rovers",
        query='"kestrel rovers" OR #kestrelrovers',
        names=("Kestrel Rovers", "the Kestrel Rovers"),
        tags=("KestrelRovers",),
        weight=1.3,
        peak=19 * HOUR,
        climate=Climate(positive=0.36, negative=0.26),
        aspects=("defence", "midfield", "keeper", "manager", "bench", "away end", "captain"),
        praise=(
            "that was {digit} goals before half time",
            "the keeper saved two penalties",
            "the away end sang until midnight",
            "the youngsters ran the whole midfield",
        ),
        gripes=(
            "another own goal in minute {n}",
            "we conceded from every corner",
            "the manager took off our only striker",
            "they gave up after half time",
        ),
        facts=(
            "kick-off is at {hour}",
            "the squad list has {n} players",
            "the match at Eastmere moves to Saturday",
            "number {n} is on the bench",
        ),
        troubles=("red card", "cup defeat", "ticket scandal", "transfer mess"),
    ),
    Topic(
        slug="starfall-online",
        query='"starfall online" OR #starfall',
        names=("Starfall Online",),
        tags=("Starfall",),
        weight=1.2,
        peak=22 * HOUR,
        climate=Climate(positive=0.4, negative=0.22),
        aspects=("raid", "login queue", "soundtrack", "patch", "map", "crafting", "tutorial", "guild hall"),
        praise=(
            "our guild cleared the tower in one run",
            "the new map is full of secrets",
            "the soundtrack gave me goosebumps",
            "matchmaking takes {digit} seconds now",
        ),
        gripes=(
            "the server kicked us at {n} percent",
            "I lost a week of progress",
            "the login queue is {n} thousand people",
            "the patch broke every second quest",
        ),
        facts=(
            "maintenance is from {hour} until noon",
            "patch {digit}.{digit} is {n} gigabytes",
            "season {digit} has {n} quests",
            "the map now shows {n} towns",
        ),
        troubles=("server crash", "stolen accounts", "broken patch", "wiped progress"),
    ),
    Topic(
        slug="eastmere-council",
        query='"eastmere council" OR #eastmere',
        names=("Eastmere council", "the Eastmere council"),
        tags=("Eastmere",),
        weight=0.8,
        peak=18 * HOUR,
        climate=Climate(positive=0.18, negative=0.33),
        aspects=("budget", "bin collection", "bike lane", "library", "planning office", "mayor", "car park"),
        praise=(
            "the library opens on Sunday again",
            "the playground has swings for all ages",
            "they planted {n} trees on our street",
            "somebody answered my letter within a day",
        ),
        gripes=(
            "the bins have not been emptied for {n} days",
            "they dug up our street for the third time",
            "nobody answers the phone",
            "the bike lane ends in a wall",
        ),
        facts=(
            "the next meeting is at {hour}",
            "agenda item {digit} is the budget",
            "the planning office moves to Mill Street",
            "the minutes have {n} pages",
        ),
        troubles=("budget cuts", "library closure", "contaminated water", "bin strike"),
    ),
    Topic(
        slug="pinewood-bank",
        query='"pinewood bank" OR #pinewoodbank',
        names=("Pinewood Bank",),
        tags=("PinewoodBank",),
        weight=0.7,
        peak=12 * HOUR,
        climate=Climate(positive=0.2, negative=0.3),
        aspects=("app", "branch", "card", "mortgage desk", "hotline", "statement", "transfer"),
        praise=(
            "they stopped a thief before I noticed",
            "the hotline picked up in {digit} seconds",
            "the app finally shows pending payments",
            "the branch on Mill Street stayed open for me",
        ),
        gripes=(
            "my card was blocked at the till",
            "I was on hold for {n} minutes",
            "they took a fee for my own money",
            "my salary has not arrived since Friday",
        ),
        facts=(
            "the branch opens at {hour}",
            "transfers before {hour} arrive the next day",
            "the app needs version {digit}",
            "statements come out on day {digit}",
        ),
        troubles=("payment outage", "hidden fees", "stolen card data", "frozen accounts"),
    ),
)

# Talk that is about none of them, and that no starter query finds.
CHATTER = Topic(
    slug="",
    query="",
    names=("this town", "my street", "the weekend", "this weather", "our kitchen", "my garden", "the office"),
    tags=("monday", "weekend", "life", "thoughts"),
    weight=0.9,
    peak=21 * HOUR,
    climate=Climate(positive=0.33, negative=0.24),
    aspects=("neighbour", "kettle", "weather", "cat", "bus stop", "radio", "bakery"),
    praise=("the sun came out at {hour}", "the cat slept on my lap", "the neighbours brought soup"),
    gripes=("the kettle died", "it rained through the roof", "somebody took my bike"),
    facts=("it is {digit} degrees at {hour}", "the market is on Mill Street", "the bus comes at {hour}"),
    troubles=("power cut", "burst pipe"),
)
