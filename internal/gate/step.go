package gate

// Step is a stage of a session between accept and close. The table of steps
// defines the class of a session, the maximum of each wait, and what may end
// it. The proxy sets deadlines and slots from it, and docs/limits.md has a
// copy.
type Step int

// The steps. The proxy enters the steps of all protocols, a gate the steps of
// its own conversation.
const (
	Accepting      Step = iota // on a listener with proxy_from, for the PROXY header
	Securing                   // greeting, commands before TLS, handshake
	Opening                    // the backend is dialled, sends its greeting, and receives the client's address
	Authenticating             // before the login; on smtp, between messages
	Delayed                    // a login is delayed because others have failed
	Envelope                   // MAIL is accepted
	Searching                  // smarthost: searching for a server of the recipient's domain
	SearchingAgain             // smarthost: the same in the middle of a message with the header TLS-Required: No
	Recipients                 // a recipient is accepted
	Text                       // the text of a message is being sent
	Verdict                    // the text is complete, and the backend's reply is due
	LoggedIn                   // submission: between two messages
	Relaying                   // bytes are relayed
	Closing                    // the last reply, close_notify
)

// Class ranks a session by what its client has done so far.
type Class int

// The classes. Package internal/limit counts them.
const (
	Unauthenticated Class = iota
	Working
	Authenticated
)

// Bound names a deadline by its key in the configuration, or by its value.
type Bound string

// The bounds of steps.
const (
	NoBound       Bound = ""
	ProxyHeader   Bound = "timeouts.proxy_header"
	Command       Bound = "timeouts.command"
	DataSilence   Bound = "timeouts.data"
	Dial          Bound = "timeouts.dial"
	Reply         Bound = "timeouts.greeting"
	DialAndReply  Bound = "timeouts.dial + timeouts.greeting"
	EndOfData     Bound = "timeouts.end_of_data"
	LoginDelay    Bound = "timeouts.login_delay"
	LoginTime     Bound = "timeouts.login"
	LoginAndReply Bound = "timeouts.login + timeouts.greeting"
	WholeMessage  Bound = "timeouts.message"
	Idle          Bound = "timeouts.idle"
	SearchTime    Bound = "4m"
	SecondSearch  Bound = "2m"
	LastWordsTime Bound = "30s"
)

// Rule is one row of the table.
type Rule struct {
	Name  string
	About string // for docs/limits.md
	Class Class  // after a login: Authenticated

	Client  Bound // for one wait for the client
	Backend Bound // for one whole reply of the backend
	Total   Bound // for the whole step, and the steps that share its clock; see Clock
	Clock   Clock

	Evictable bool // an unauthenticated session may be ended to free its slot for another
	InFlight  bool // a shutdown waits until the step ends
	Verdict   bool // the backend's side continues if the client closes the connection
}

// Clock defines when the total of a step begins.
type Clock int

// The clocks.
const (
	FromStep    Clock = iota // from when the step was entered
	FromAccept               // from accept, or from the last message that the backend has decided on
	FromMessage              // from the MAIL command
)

// rules has a row for each step.
var rules = [...]Rule{
	Accepting:      {Name: "accepting", About: "waits for the PROXY header (`proxy_from`)", Client: ProxyHeader, Total: ProxyHeader, Evictable: true},
	Securing:       {Name: "securing", About: "greeting, commands before TLS, handshake (`timeouts.handshake` for the handshake itself)", Client: Command, Total: LoginTime, Clock: FromAccept, Evictable: true},
	Opening:        {Name: "opening", About: "the backend is dialled (`timeouts.dial`), greets, and learns the client's address", Backend: Reply, Total: DialAndReply, Evictable: true},
	Authenticating: {Name: "authenticating", About: "commands and replies before the login; on `smtp`, between messages", Client: Command, Backend: Reply, Total: LoginAndReply, Clock: FromAccept, Evictable: true},
	Delayed:        {Name: "delayed", About: "a login is delayed because others have failed", Total: LoginDelay, Evictable: true},
	Envelope:       {Name: "envelope", About: "MAIL is accepted", Client: Command, Backend: Reply, Total: LoginAndReply, Clock: FromAccept, Evictable: true, InFlight: true},
	Searching:      {Name: "searching", About: "`smarthost` looks for a server of the recipient's domain", Backend: Reply, Total: SearchTime, Evictable: true, InFlight: true},
	SearchingAgain: {Name: "searching again", About: "`smarthost` looks for a server again, for a message with the header `TLS-Required: No`", Class: Working, Backend: Reply, Total: SecondSearch, Evictable: true, InFlight: true},
	Recipients:     {Name: "recipients", About: "a recipient is accepted", Class: Working, Client: Command, Backend: Reply, Total: WholeMessage, Clock: FromMessage, Evictable: true, InFlight: true},
	Text:           {Name: "text", About: "the text of a message is being sent", Class: Working, Client: DataSilence, Backend: Reply, Total: WholeMessage, Clock: FromMessage, Evictable: true, InFlight: true},
	Verdict:        {Name: "verdict", About: "the backend decides on a message", Class: Working, Backend: EndOfData, Total: EndOfData, InFlight: true, Verdict: true},
	LoggedIn:       {Name: "logged in", About: "`submission` and devices at `smarthost`, between messages after the login", Class: Authenticated, Client: Command, Backend: Reply},
	Relaying:       {Name: "relaying", About: "bytes are relayed unread", Class: Authenticated, Total: Idle},
	Closing:        {Name: "closing", About: "the last reply and close_notify; `pop3` first waits for the command that it replies to", Total: LastWordsTime},
}

// Rule returns the step's row of the table.
func (s Step) Rule() Rule { return rules[s] }

// String names the step in the log.
func (s Step) String() string { return rules[s].Name }

// Rules returns the rows of the table, in the order of the steps.
func Rules() []Rule { return rules[:] }

// EnterStep reports a step to the Observer. It fails if the session must end.
func (s *Session) EnterStep(step Step) error {
	if s.Observer == nil { // a health check has no client
		return nil
	}
	return s.Observer.EnterStep(step)
}
