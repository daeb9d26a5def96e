//go:build linux

package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// answer is a message from the process of a generator. The process reads a Job
// from its standard input, answers when it is prepared, reads a start, answers
// with a Result, and ends at the end of its input. The messages are JSON.
type answer struct {
	Error  string
	Result Result
}

type start struct{ Go bool }

// Serve is the main function of a generator's process.
func Serve(in io.Reader, out io.Writer) error {
	asks, answers := json.NewDecoder(in), json.NewEncoder(out)
	var job Job
	if err := asks.Decode(&job); err != nil {
		return err
	}
	r, err := newRun(&job)
	if err == nil {
		defer r.close()
		err = r.prepare()
	}
	if err := answers.Encode(answer{Error: words(err)}); err != nil || asks.Decode(new(start)) != nil {
		return err
	}
	result, err := r.work()
	if err := answers.Encode(answer{Error: words(err), Result: result}); err != nil {
		return err
	}
	if err := asks.Decode(new(start)); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Generator controls the process of a generator.
type Generator struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	asks    *json.Encoder
	answers *json.Decoder
}

// Start starts the command, which must call Serve, and returns when the job is
// prepared. After a success the caller must call Stop.
func Start(cmd *exec.Cmd, job Job) (*Generator, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	g := &Generator{cmd, in, json.NewEncoder(in), json.NewDecoder(out)}
	if _, err := g.ask(job); err != nil {
		return nil, errors.Join(err, g.Stop())
	}
	return g, nil
}

// Go runs the job.
func (g *Generator) Go() (Result, error) { return g.ask(start{true}) }

// Stop ends the process and its sessions.
func (g *Generator) Stop() error {
	_ = g.in.Close()
	return g.cmd.Wait()
}

func (g *Generator) ask(what any) (Result, error) {
	if err := g.asks.Encode(what); err != nil {
		return Result{}, fmt.Errorf("load generator: %w", err)
	}
	var a answer
	if err := g.answers.Decode(&a); err != nil {
		return Result{}, fmt.Errorf("load generator: %w", err)
	}
	if a.Error != "" {
		return a.Result, fmt.Errorf("clients: %s", a.Error)
	}
	return a.Result, nil
}
