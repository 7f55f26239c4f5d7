package returns

// Receive books what came back of a line, and reports whether some never came.
func Receive(l *Line, units []Unit) bool { return l.receive(units) }
