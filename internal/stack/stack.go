// Package stack has goroutines begin with a stack that is large enough for a call to a source.
package stack

// size is what a call through resolvers, loaders and net/http takes, less a little: with the runtime's own it makes the next power of two.
const size = 12 << 10

// Reserve has the goroutine's stack grow at once to what a call to a source takes. A stack begins with 2 KB and is doubled whenever it
// does not suffice, and each time all frames are copied and their pointers adjusted; while there are none it is the
// allocation alone. It is for the beginning of goroutines that are started many times for each request.
//
//go:noinline
func Reserve() {
	var room [size]byte
	touch(&room)
}

// touch keeps the room from being optimized away.
//
//go:noinline
func touch(room *[size]byte) { room[0] = 1 }
