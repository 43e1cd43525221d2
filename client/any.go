package client

import (
	"fmt"
	"strconv"

	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/slot"
)

// private are the commands that change or tell of one connection; calls share connections.
var private = map[string]string{
	"auth": "", "hello": "", "quit": "", "reset": "", "select": "", "readonly": "", "readwrite": "", "asking": "",
	"client|setname": "", "client|setinfo": "", "client|getname": "", "client|id": "", "client|info": "",
	"kata|consistency": "choose a level with With", "kata|session": "use a Session", "kata|last": "use Tell",
	"kata|with": "choose with With",
}

// anyCall makes a call of a command as the caller wrote it. What the table of commands does not know may write, and any
// node is asked.
func anyCall(args []any) (*call, error) {
	k := &call{slot: noSlot, writes: true}
	for i, arg := range args {
		b, err := argument(i, arg)
		if err != nil {
			return nil, err
		}
		k.args = append(k.args, b)
	}
	if len(k.args) == 0 {
		return nil, &ArgumentError{Index: -1}
	}
	spec, err := command.Resolve(k.args)
	if err != nil {
		k.writes = false // the server refuses it as well, or knows more
		if _, known := command.Lookup(k.args[0]); !known {
			k.writes = true
		}
		return k, nil
	}
	name := spec.FullName()
	if hint, refuse := private[name]; refuse {
		if hint != "" {
			hint = ": " + hint
		}
		return nil, fmt.Errorf("%s is about one connection, and calls share them%s", k.name(), hint)
	}
	k.writes = spec.Flags.Has(command.SpecWrite)
	k.once = name == "kata|once"
	if keys := spec.Keys(k.args); spec.Parse != nil && len(keys) > 0 {
		k.data, k.key, k.slot = true, keys[0], int(slot.Of(keys[0]))
	}
	return k, nil
}

// argument is the form in which an argument is sent.
func argument(index int, arg any) ([]byte, error) {
	switch arg := arg.(type) {
	case []byte:
		return arg, nil
	case string:
		return []byte(arg), nil
	case int:
		return strconv.AppendInt(nil, int64(arg), 10), nil
	case int64:
		return strconv.AppendInt(nil, arg, 10), nil
	case uint64:
		return strconv.AppendUint(nil, arg, 10), nil
	case float64:
		return strconv.AppendFloat(nil, arg, 'g', -1, 64), nil
	}
	return nil, &ArgumentError{Index: index, Value: arg}
}
