"""Local servers that speak Replicate's, xAI's and OpenAI's wire formats; see README.md.

Belongs here: what tests and benchmarks import.
Does not belong here: anything else.
"""

from luxvid_pipeline_tests.simulators import script
from luxvid_pipeline_tests.simulators.control_client import Remote, SimulatorProcess
from luxvid_pipeline_tests.simulators.language_server import LanguageModelSimulator
from luxvid_pipeline_tests.simulators.replicate_server import ReplicateSimulator

__all__ = ["LanguageModelSimulator", "Remote", "ReplicateSimulator", "SimulatorProcess", "script"]
