// Package workers runs functions on reused goroutines.
package workers

// Pool keeps goroutines that wait for a function to run. A handshake needs a
// deep stack. Growing a stack for every session, and for every relay direction
// that resumes, costs more than keeping a few goroutines whose stacks have
// grown.
type Pool struct {
	tasks chan func()
	idle  chan struct{} // a token for each worker that waits for a task
	ended chan struct{}
}

// maxIdle is the maximum number of waiting workers. Running workers are not
// limited.
const maxIdle = 32

// New returns a pool without workers: Run starts them.
func New() *Pool {
	return &Pool{tasks: make(chan func()), idle: make(chan struct{}, maxIdle), ended: make(chan struct{})}
}

// Run runs f on a waiting worker, or else on a new one.
func (p *Pool) Run(f func()) {
	select {
	case p.tasks <- f:
	default:
		go p.work(f)
	}
}

func (p *Pool) work(f func()) {
	for {
		f()
		select {
		case p.idle <- struct{}{}:
		default:
			return
		}
		select {
		case f = <-p.tasks:
			<-p.idle
		case <-p.ended:
			return
		}
	}
}

// Stop ends the waiting workers. Other workers end after their function.
func (p *Pool) Stop() { close(p.ended) }
