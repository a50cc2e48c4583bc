package read

import (
	"testing"

	"github.com/logtable/logtable/internal/config"
)

func TestTheWriterHasNoMoreShardsThanAreLookedFor(t *testing.T) {
	if maxShards != config.MaxShards {
		t.Errorf("%d shards are looked for, %d can be set", maxShards, config.MaxShards)
	}
}
