package pop3

// utf8 turns on UTF-8 for the whole session (RFC 6856 §2).
func (g *Gate) utf8(c command) error {
	if !g.has("UTF8") || c.arg != "" {
		return g.fail("-ERR Unknown command")
	}
	reply, err := g.ask("UTF8")
	switch {
	case err != nil:
		return err
	case isERR(reply):
		return g.fail(reply)
	}
	g.inUTF8 = true
	g.reply(reply)
	return nil
}

// repeatUTF8 turns UTF-8 on at another backend. A backend that does not know
// UTF8 sends nothing that the client could not read.
func (g *Gate) repeatUTF8() error {
	if !g.inUTF8 {
		return nil
	}
	_, err := g.ask("UTF8")
	return err
}

// lang chooses the language of replies, or lists the languages (RFC 6856 §3).
func (g *Gate) lang(c command) error {
	offered := g.has("LANG")
	switch {
	case !offered:
		return g.fail("-ERR Unknown command")
	case !isLanguage(c.arg):
		return g.fail("-ERR No such language")
	case c.arg != "":
		return g.relay("LANG " + c.arg)
	}
	reply, err := g.ask("LANG")
	if err != nil {
		return err
	}
	if isERR(reply) {
		return g.fail(reply)
	}
	languages, err := g.lines()
	if err != nil {
		return err
	}
	return g.list(reply, languages)
}

// isLanguage reports whether a word can be a language range (RFC 4647 §2.1).
func isLanguage(word string) bool {
	for i := range len(word) {
		if c := word[i]; c != '-' && c != '*' && !alphanumeric(c) {
			return false
		}
	}
	return true
}
