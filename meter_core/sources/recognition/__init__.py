"""Unknown files looked at: a source profile is proposed, with what was recognised and what nobody can tell."""

from meter_core.sources.recognition.proposal import Proposal, propose

__all__ = ["Proposal", "propose"]
