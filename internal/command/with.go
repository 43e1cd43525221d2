package command

import (
	"bytes"

	"github.com/katakv/katakv"
)

// withDefault is the word for the consistency that the connection's reads have anyway.
const withDefault = "default"

// With is what KATA WITH says of the one command behind it: how fresh a read must be, and what its caller has written
// and seen. Nothing of it outlasts the command, so that callers may share a connection.
type With struct {
	// Read holds unless Default is set.
	Read    katakv.Consistency
	Default bool
	// Token is a session token, or empty; not yet checked. It aliases the arguments.
	Token []byte
}

// ParseWith reads what KATA WITH consistency token says; args are those of the whole command, whose number was checked.
func ParseWith(args [][]byte) (With, *katakv.Error) {
	w := With{Token: args[withBehind-1]}
	words := args[withBehind-2]
	if equalFold(bytes.TrimSpace(words), withDefault) {
		w.Default = true
		return w, nil
	}
	read, err := katakv.ParseConsistency(printable(words))
	if err != nil {
		return With{}, katakv.Errorf(katakv.CodeInvalid, "KATA WITH: %v", err)
	}
	w.Read = read
	return w, nil
}

// parseWith reads KATA WITH consistency token command [argument ...], of which the operation is the command's.
func parseWith(args [][]byte) (Operation, *katakv.Error) {
	spec, err := Resolve(args[withBehind:])
	if err != nil {
		return Operation{}, err
	}
	if spec.Parse == nil || spec.FirstKey == 0 || spec.Behind != 0 && spec.Behind != onceBehind {
		return Operation{}, katakv.Errorf(katakv.CodeInvalid,
			"KATA WITH takes a command on keys, not '%s'", printable(args[withBehind]))
	}
	return spec.Parse(args[withBehind:])
}
