package workflows

import "time"

// Pause is how long an effect waits after so many attempts.
func Pause(p Policy, attempts int) time.Duration { return p.pause(attempts) }
