package proxy

// third bounds the sessions that hold a third descriptor beside the two of their
// connections: for a message in a file, or for the next backend while they change to
// it. The zero value has no bound.
type third chan struct{}

func newThird(descriptors int) third { return make(third, max(1, descriptors/thirdDescriptors)) }

// acquire takes one of the descriptors, if there is one left.
func (t third) acquire() bool {
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

func (t third) release() {
	if t != nil {
		<-t
	}
}
