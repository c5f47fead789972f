"""Process profiles, as records tells them, as one slice."""

from operations.profiles.consumers import keep_process_profiles
from plantkit.slice import Slice

SLICE = Slice(name="profiles", consumers=(keep_process_profiles,))
