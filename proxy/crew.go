package proxy

// crew runs functions on goroutines that have worked before. A handshake needs
// a deep stack, and growing one anew for every session, and for every session
// that wakes from the parking lot, costs more than keeping a few that have
// grown.
type crew struct {
	tasks chan func()
	rest  chan struct{} // one token for each worker that may wait for work
	ended chan struct{}
}

// idleWorkers bounds the workers that wait; more come and go as they are
// needed.
const idleWorkers = 32

func newCrew() *crew {
	return &crew{tasks: make(chan func()), rest: make(chan struct{}, idleWorkers), ended: make(chan struct{})}
}

// do runs f on a goroutine that waits for work, or on a new one.
func (c *crew) do(f func()) {
	select {
	case c.tasks <- f:
	default:
		go c.work(f)
	}
}

func (c *crew) work(f func()) {
	for {
		f()
		select {
		case c.rest <- struct{}{}:
		default:
			return
		}
		select {
		case f = <-c.tasks:
			<-c.rest
		case <-c.ended:
			return
		}
	}
}

// end sends the waiting workers home.
func (c *crew) end() { close(c.ended) }
