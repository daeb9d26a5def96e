package limit

// Descriptors bounds the sessions that hold a third descriptor besides those of
// their two connections: for a message in a file, or for the next backend while
// they change to it. It also bounds the connections that are kept between two
// messages. The zero value has no bound.
type Descriptors chan struct{}

// NewDescriptors returns a Descriptors for n sessions, at least one.
func NewDescriptors(n int) Descriptors { return make(Descriptors, max(1, n)) }

// Acquire takes one of the descriptors. It reports false if none is left.
func (d Descriptors) Acquire() bool {
	if d == nil {
		return true
	}
	select {
	case d <- struct{}{}:
		return true
	default:
		return false
	}
}

// AcquireSpare is Acquire for a connection that need not be kept. It leaves half of
// the descriptors to sessions.
func (d Descriptors) AcquireSpare() bool {
	return d == nil || len(d) < cap(d)/2 && d.Acquire()
}

// Release returns a descriptor.
func (d Descriptors) Release() {
	if d != nil {
		<-d
	}
}
