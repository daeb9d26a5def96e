package proxy

// third counts sessions that hold a third descriptor beside the two of their
// connections: a message in a file, or another backend while they change to it.
// The zero value has no bound.
type third chan struct{}

func newThird(descriptors int) third { return make(third, max(1, descriptors/thirdDescriptors)) }

// take reports whether there is one more.
func (t third) take() bool {
	if t == nil {
		return true
	}
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

func (t third) give() {
	if t != nil {
		<-t
	}
}
