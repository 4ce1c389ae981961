"""The recipe: every number that the shipped model depends on, and nothing else."""

from dataclasses import dataclass, replace
from typing import Self

from training.fit import Schedule
from training.network import Shape


@dataclass(frozen=True, slots=True)
class Recipe:
    """How many teachers and students, how long each learns, and what each is held to.

    Attributes:
        teachers: one seed a teacher; the students learn from the mean of their logits. Without one, from the labels.
        students: one seed a student; the best on the validation files is shipped, the others tell the spread.
        kept: which of the teachers' layers a student begins with, lowest first.
        sentiment_power, emotion_power: how far rare classes are lifted (``objectives.Gold``).
        permissive_only: learn from the files alone whose licence lets anyone use what is made from them.
    """

    teachers: tuple[int, ...] = (1,)
    teacher_epochs: int = 2
    teacher_rate: float = 1.4e-4
    students: tuple[int, ...] = (1, 2, 3)
    student_epochs: int = 2
    student_rate: float = 2.5e-4
    kept: tuple[int, ...] = (0, 1, 2)
    sentiment_power: float = 0.7
    emotion_power: float = 0.45
    permissive_only: bool = False

    @property
    def student_shape(self) -> Shape:
        """As deep as the layers it keeps, its last computed for one token."""
        return Shape(layers=len(self.kept), pooled=True)

    def teacher_schedule(self, seed: int) -> Schedule:
        """Lower layers slower: what they know of language is what the teacher starts with."""
        return Schedule(seed=seed, epochs=self.teacher_epochs, rate=self.teacher_rate)

    def student_schedule(self, seed: int) -> Schedule:
        """All layers alike: the lower ones have to take over the work of those that were left out."""
        return Schedule(seed=seed, epochs=self.student_epochs, rate=self.student_rate, layer_decay=1.0, head_factor=2.0)

    def for_accelerator(self) -> Self:
        """More of everything, where an hour on two cores is a few minutes."""
        return replace(self, teachers=(1, 2, 3, 4, 5), teacher_epochs=3, student_epochs=8)

    def permissive(self) -> Self:
        """One student on the free files alone, without a teacher: its figures are told, it is not shipped."""
        return replace(self, teachers=(), students=self.students[:1], permissive_only=True)
