package command

import "github.com/katakv/katakv"

// Conditions of KATA SET and KATA DEL stand behind this word.
const conditionWord = "if"

// parseRecord reads KATA GET key.
func parseRecord(args [][]byte) (Operation, *katakv.Error) {
	return Operation{Kind: KindGetRecord, Keys: args[2:3]}, nil
}

// parseSetIf reads KATA SET key value [IF revision | IF ABSENT | IF PRESENT].
func parseSetIf(args [][]byte) (Operation, *katakv.Error) {
	op := Operation{Kind: KindSetIf, Keys: args[2:3], Values: args[3:4]}
	return op, op.parseCondition(args[4:])
}

// parseDelIf reads KATA DEL key [IF revision | IF PRESENT].
func parseDelIf(args [][]byte) (Operation, *katakv.Error) {
	op := Operation{Kind: KindDelIf, Keys: args[2:3]}
	return op, op.parseCondition(args[3:])
}

// parseCondition reads what may stand behind the key and the value. What is not understood is refused: to ignore a
// condition is to overwrite what the client wanted to keep.
func (op *Operation) parseCondition(args [][]byte) *katakv.Error {
	if len(args) == 0 {
		return nil
	}
	if len(args) != 2 || !equalFold(args[0], conditionWord) {
		return errSyntax
	}
	switch {
	case op.Kind == KindSetIf && equalFold(args[1], "absent"):
		op.Flags = FlagNX
		return nil
	case equalFold(args[1], "present"):
		op.Flags = FlagXX
		return nil
	}
	revision, err := katakv.ParseRevision(printable(args[1]))
	if err != nil {
		return katakv.Errorf(katakv.CodeInvalid, "the condition: %v", err)
	}
	op.Flags, op.Delta = FlagRevision, int64(revision)
	return nil
}
