package command

import "github.com/katakv/katakv"

// parseJourney reads KATA JOURNEY command [argument ...], of which the operation is the command's. KATA ONCE may stand
// between.
func parseJourney(args [][]byte) (Operation, *katakv.Error) {
	args = args[journeyBehind:]
	spec, err := Resolve(args)
	if err != nil {
		return Operation{}, err
	}
	if spec.Parse == nil || spec.FirstKey == 0 || spec.Behind != 0 && spec.Behind != onceBehind {
		return Operation{}, katakv.Errorf(katakv.CodeInvalid, "KATA JOURNEY takes a command on keys, or KATA ONCE with one, not '%s'",
			printable(args[0]))
	}
	return spec.Parse(args)
}
