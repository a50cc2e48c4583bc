package row

import (
	"fmt"
	"hash/fnv"
	"strconv"
)

// Shards are over how many partitions the days of the two tables are spread; 0
// and 1 are none.
type Shards struct{ Info, Errors int }

// shardOf is the shard of an environment, the same for its whole life.
func shardOf(environment string, shards int) int {
	h := fnv.New32a()
	h.Write([]byte(environment))
	return int(h.Sum32() % uint32(max(shards, 1)))
}

// ShardDate is the partition key of a day's shard.
func ShardDate(day string, shard int) string {
	if shard == 0 {
		return day
	}
	return day + "#" + strconv.Itoa(shard)
}

// A sharded table says so by items under one key, which no day is: readers need
// not look for shards there.
const (
	// ShardsDate is the partition key of these items.
	ShardsDate = "shards"
	// AttrShards (N) is the number of partitions of a day.
	AttrShards = "shards"
)

// ShardsNote is the item by which a function says that it spreads the days of a
// table over so many partitions, as DynamoDB's JSON has it. All its
// environments write the same one. It expires as rows do, in epoch seconds; 0
// for never.
func ShardsNote(function string, shards int, expiry int64) []byte {
	name := Module(function) // a key needs no escaping
	message := fmt.Sprintf("%s spreads each day over %d partitions", name, shards)
	b := fmt.Appendf(nil, `{"%s":{"S":"%s"},"%s":{"S":"%s#%d"},"%s":{"S":"%s"},"%s":{"N":"%d"}`,
		AttrDate, ShardsDate, AttrStampMod, name, shards, AttrMessage, message, AttrShards, shards)
	if expiry != 0 {
		b = fmt.Appendf(b, `,"%s":{"N":"%d"}`, AttrExpiry, expiry)
	}
	return append(b, '}')
}
