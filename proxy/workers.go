package proxy

// workers runs functions on goroutines that it keeps. A handshake needs a deep
// stack. Growing one for every session, and for every direction that leaves the
// parking, costs more than keeping a few goroutines with grown stacks.
type workers struct {
	tasks chan func()
	idle  chan struct{} // a token for each worker that waits for a task
	ended chan struct{}
}

// maxIdle bounds the workers that wait for a task. Those at work are not bounded.
const maxIdle = 32

func newWorkers() *workers {
	return &workers{tasks: make(chan func()), idle: make(chan struct{}, maxIdle), ended: make(chan struct{})}
}

// run runs f on a worker that waits, or else on a new one.
func (w *workers) run(f func()) {
	select {
	case w.tasks <- f:
	default:
		go w.work(f)
	}
}

func (w *workers) work(f func()) {
	for {
		f()
		select {
		case w.idle <- struct{}{}:
		default:
			return
		}
		select {
		case f = <-w.tasks:
			<-w.idle
		case <-w.ended:
			return
		}
	}
}

// stop ends the workers that wait.
func (w *workers) stop() { close(w.ended) }
