package main

import (
	"flag"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/letterlock/letterlock/internal/admin"
)

// recording holds the flags of the command record.
type recording struct {
	user, client, id, folder string
	sessions, bytes          int
	length                   time.Duration
	texts, stop              bool
}

func (r *recording) flags(flags *flag.FlagSet) {
	flags.StringVar(&r.user, "user", "", "record sessions of this `USER`, also if the login fails")
	flags.StringVar(&r.client, "client", "", "record sessions from this `ADDRESS` or network")
	flags.StringVar(&r.id, "id", "", "record the open session with this `ID`, from its next command on")
	flags.IntVar(&r.sessions, "sessions", 1, "end after so many `SESSIONS`")
	flags.IntVar(&r.bytes, "bytes", 1<<20, "record at most so many `BYTES` of each session")
	flags.DurationVar(&r.length, "time", 10*time.Minute, "end after this `TIME`")
	flags.BoolVar(&r.texts, "texts", false, "record the texts of messages, too")
	flags.StringVar(&r.folder, "folder", "", "write the files to this `FOLDER` (default recordings in state_dir)")
	flags.BoolVar(&r.stop, "stop", false, "end the recording")
}

// recordCommand records the next sessions of a user or a client, or an open session.
// Without a flag it shows the last recording.
func recordCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock record", flag.ContinueOnError)
	a, r := adminFlags(flags), recording{}
	r.flags(flags)
	if err := a.parse(ui, flags, args, nil); err != nil {
		return err
	}
	parameters := url.Values{}
	for name, value := range map[string]string{"user": r.user, "client": r.client, "id": r.id} {
		if value != "" {
			parameters.Set(name, value)
		}
	}
	var reply admin.Recording
	var err error
	switch subjects := len(parameters); {
	case subjects > 1, r.stop && subjects > 0:
		return ui.wrongly("record", "it takes one of --user, --client, --id and --stop")
	case r.stop:
		err = a.post("/record/stop", nil, &reply)
	case subjects == 0:
		err = a.get("/record", nil, &reply)
	default:
		if err = r.complete(parameters); err == nil {
			err = a.post("/record", parameters, &reply)
		}
	}
	if err != nil {
		return err
	}
	return a.print(ui, reply, func() { printRecording(ui, reply) })
}

// complete adds the bounds of a recording to the parameters of the request.
func (r *recording) complete(v url.Values) error {
	v.Set("sessions", strconv.Itoa(r.sessions))
	v.Set("bytes", strconv.Itoa(r.bytes))
	v.Set("seconds", strconv.Itoa(int(r.length.Seconds())))
	v.Set("texts", strconv.FormatBool(r.texts))
	if r.folder == "" {
		return nil
	}
	folder, err := filepath.Abs(r.folder)
	v.Set("folder", folder)
	return err
}

func printRecording(ui *ui, r admin.Recording) {
	switch {
	case r.Running:
		ui.printf("recording until %s, %s to begin, to %s\n", r.Until.Format(time.RFC3339), count(r.Left, "session"), shown(r.Folder))
	case r.Error != "":
		ui.printf("the recording has ended early: %s\n", r.Error)
	default:
		ui.printf("no recording runs\n")
	}
	for _, file := range r.Files {
		ui.printf("%s\n", shown(file))
	}
}
