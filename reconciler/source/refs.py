"""Which refs a hosted repository takes: branches and tags, none to be mistaken for what is deployed."""

from __future__ import annotations

BRANCHES, TAGS = "refs/heads/", "refs/tags/"
ONLY = "only branches and tags are taken (refs/heads/, refs/tags/)"


def objection(ref: str, branch: str) -> str:
    """Why a ref can't be pushed to, empty when it can; `branch` is the one that is deployed.

    Git takes any name below refs/. `refs/replace` changes what objects are read as, `refs/notes` what is said
    of them. A file system knows no `main` beside `main/x`, maybe no `Main` beside `main`. And Git looks for
    a name that isn't there in other places: `refs/heads/main` also as a tag of that name (gitrevisions(7)).
    """
    if not ref.startswith((BRANCHES, TAGS)):
        return ONLY
    name = ref.removeprefix(BRANCHES).removeprefix(TAGS)
    if name.startswith("refs/"):
        return "a branch or tag with a name that begins with refs/ is mistaken for another one"
    if not ref.startswith(BRANCHES) or name == branch:
        return ""
    folded, deployed = name.casefold(), branch.casefold()
    if folded == deployed:
        return f"it differs from {branch}, which is deployed, in the case of letters alone"
    if folded.startswith(f"{deployed}/") or deployed.startswith(f"{folded}/"):
        return f"it can't stand beside {branch}, which is deployed"
    return ""
