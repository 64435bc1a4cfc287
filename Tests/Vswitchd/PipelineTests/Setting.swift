import Timekeeping

// Moments, as the tests of this target write them. What else they stand on is in PipelineTwin.

func at(_ seconds: Int64) -> Instant { .start + .seconds(seconds) }
