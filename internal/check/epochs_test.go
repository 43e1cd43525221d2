package check_test

import (
	"testing"

	"github.com/katakv/katakv/internal/check"
)

func TestEpochs(t *testing.T) {
	var e check.Epochs
	wantError(t, e.Saw(1, 1, 0xa))
	wantError(t, e.Saw(1, 3, 0xc))
	wantError(t, e.Saw(2, 1, 0xa))
	wantError(t, e.Durable(1, 2, 0xb))
	wantError(t, e.Saw(1, 3, 0xc))
	wantError(t, e.Saw(1, 2, 0xb), "n1", "from epoch 3 to 2")
	wantError(t, e.Saw(2, 3, 0xd), "n2", "epoch 3", "0d", "n1 had", "0c")
	wantError(t, e.Durable(1, 1, 0xa), "n1", "from epoch 2 to 1 on disk")
	wantError(t, e.Durable(2, 4, 0xe))
	wantError(t, e.Restarted(1, 1, 0xa), "n1", "epoch 1 after a restart", "epoch 2 on disk")
	wantError(t, e.Restarted(1, 2, 0xb)) // epoch 3 was not durable
	wantError(t, e.Saw(1, 2, 0xb))
	wantError(t, e.Restarted(2, 4, 0xf), "n2", "epoch 4", "0f")
}
