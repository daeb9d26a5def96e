package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// habits hold the numbers of what a user does in the busiest hour, on average.
type habits struct {
	Open       float64 // IMAP sessions that are open
	Logins     float64 // IMAP logins an hour
	Resumed    float64 // share of them that resume a TLS session
	Polls      float64 // POP3 sessions an hour
	Received   float64 // messages from other servers an hour
	Submitted  float64 // messages an hour
	Keepalives float64 // round trips an hour of an open session
	Read       float64 // MiB an hour
	Wrong      float64 // failed logins an hour, those of guessers included
	Silent     float64 // connections without a byte an hour
}

// site is an installation.
type site struct {
	users     int
	instances int
	cores     float64       // of an instance
	returning time.Duration // in which the clients of an instance that failed log in again
	habits    habits
}

// outcome is the result of a simulated hour.
type outcome struct {
	cpu      float64       // share of the CPUs in use before the failure, 99th percentile
	memory   float64       // GiB of the sessions of one instance after the failure
	sessions int           // of one instance after the failure
	wait     time.Duration // the longest that a login waits for the CPU after the failure
	commands float64       // to the store a second, before the failure
	peak     float64       // the most commands in one second
	storeCPU float64       // share of one CPU of the store in that second
}

const (
	hour     = 3600
	failsAt  = 1800 // the second in which one instance fails
	microsec = 1e6
)

// state is the state of a simulation: every second of all instances that work.
type state struct {
	site
	costs   costs
	random  *rand.Rand
	alive   float64
	backlog float64 // µs of CPU time of all instances that are not yet served
	lost    float64 // sessions that come back
}

// simulate lets an hour pass, second by second, in which one instance fails.
// Work that the CPUs cannot do in a second waits for the next one.
func simulate(c costs, s site, seed uint64) (o outcome) {
	x := &state{site: s, costs: c, random: rand.New(rand.NewPCG(seed, 0)), alive: float64(s.instances)}
	open := float64(s.users) * s.habits.Open
	var shares, commands []float64
	for second := range hour {
		if second == failsAt && s.instances > 1 {
			x.alive--
			x.lost = open / float64(s.instances)
		}
		work, orders, storeCPU := x.second()
		capacity := x.alive * s.cores * microsec
		x.backlog = max(0, x.backlog+work-capacity)
		if second < failsAt {
			shares, commands = append(shares, work/capacity), append(commands, orders)
		} else {
			o.wait = max(o.wait, time.Duration(x.backlog/capacity*float64(time.Second)))
		}
		if orders > o.peak {
			o.peak, o.storeCPU = orders, storeCPU/microsec
		}
	}
	slices.Sort(shares)
	o.cpu = shares[len(shares)*99/100]
	for _, n := range commands {
		o.commands += n / float64(len(commands))
	}
	o.sessions = int(math.Ceil(open / x.alive))
	o.memory = float64(o.sessions) * c.idle / (1 << 20)
	return o
}

// second returns the CPU time that the events of one second take, in µs, and
// what they ask of the store.
func (x *state) second() (work, commands, storeCPU float64) {
	h, c := x.habits, x.costs
	users := float64(x.users)
	back := 0.0
	if x.lost > 0 {
		back = min(x.lost, math.Ceil(float64(x.users)*h.Open/float64(x.instances)/x.returning.Seconds()))
		x.lost -= back
	}
	logins := x.poisson(users*h.Logins/hour) + back
	resumed := logins * h.Resumed
	polls := x.poisson(users * h.Polls / hour)
	submitted := x.poisson(users * h.Submitted / hour)
	wrong := x.poisson(users * h.Wrong / hour)
	work = resumed*c.resumed + (logins-resumed+wrong)*c.handshake + polls*c.poll + submitted*c.submission +
		x.poisson(users*h.Received/hour)*c.message +
		x.poisson(users*h.Open*h.Keepalives/hour)*c.roundTrip +
		users*h.Read/hour*c.read +
		x.poisson(users*h.Silent/hour)*c.silent
	for of, n := range map[event]float64{eventLogin: logins + polls + submitted, eventFailure: wrong, eventInstance: x.alive} {
		commands += n * c.store[of].commands
		storeCPU += n * c.store[of].cpu
	}
	return work, commands, storeCPU
}

// poisson draws how often an event happens that happens mean times on average.
func (x *state) poisson(mean float64) float64 {
	const large = 50 // from here on the normal distribution is close enough
	if mean > large {
		return max(0, math.Round(mean+math.Sqrt(mean)*x.random.NormFloat64()))
	}
	n, product, end := 0.0, x.random.Float64(), math.Exp(-mean)
	for product > end {
		product *= x.random.Float64()
		n++
	}
	return n
}
