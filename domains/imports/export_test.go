package imports

// Read reads a file whole.
func Read(format Format, data string) ([]Row, error) { return read(format, data) }
