"""What a check found wrong with an arena or a home, as people are told of it."""

from dataclasses import dataclass, field

FINDINGS_TOLD_MAX = 200
"""Findings kept as sentences in one report; more are only counted. Two hundred show the pattern."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    `kind` is a word for programs. `what` is the sentence without its end; `remedy` what --repair
    does about it, "" where nothing can be done here: then `what` says what the user can do.
    """

    kind: str
    what: str
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """The one sentence that is told."""
        return f"{self.what}; --repair {self.remedy}." if self.remedy else f"{self.what}."


@dataclass(slots=True)
class Report:
    """Of one arena, or of the home itself: `name` "".

    `findings` are those left at the end, `found` is how many; `mended` and `repaired` the same of
    those that were repaired. `looked_at` counts rows and files by what they are. `notes` are
    sentences about what is no fault, such as files that are to be indexed at the next start.
    """

    name: str
    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    mended: list[Finding] = field(default_factory=list)
    repaired: int = 0
    looked_at: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def tell(self, finding: Finding) -> None:
        """One more that is left."""
        self.found += 1
        if len(self.findings) < FINDINGS_TOLD_MAX:
            self.findings.append(finding)

    def tell_mended(self, finding: Finding) -> None:
        """One more that was repaired."""
        self.repaired += 1
        if len(self.mended) < FINDINGS_TOLD_MAX:
            self.mended.append(finding)

    def looked(self, what: str, count: int) -> None:
        """So many more rows or files were looked at."""
        if count:
            self.looked_at[what] = self.looked_at.get(what, 0) + count
