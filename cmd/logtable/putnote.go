package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/row"
)

// noteWriter is in whose name the tool says that errors are spread.
const noteWriter = "logtable"

// sayShards has the errors table say that its days are spread, before a row is
// written to a further partition of one: readers believe what it says, and look
// for no others (row.ShardsNote). The writer of the row has said so in the
// table that the row was meant for, which may be another one.
func (p *putter) sayShards(table string, item attributes) {
	shards := shardsFor(item)
	if table != p.tables[true] || shards <= 1 {
		return
	}
	p.mu.Lock()
	done := shards <= p.shards
	p.mu.Unlock()
	if done {
		return
	}
	err := p.putNote(table, shards)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shards = max(p.shards, shards)
	switch {
	case err == nil:
		p.unsaid = ""
	case p.ctx.Err() == nil:
		p.unsaid = fmt.Sprintf("errors were written to %d partitions a day of table %s, which does not say so: read "+
			"them with --error-shards %d, or allow the partition key %q and run it again (%s)",
			p.shards, table, p.shards, row.ShardsDate,
			oneLine(p.api.explainTable("write", "dynamodb:PutItem", table, err).Error()))
	}
}

func (p *putter) putNote(table string, shards int) error {
	note, err := parseValue(append(append([]byte(`{"M":`), row.ShardsNote(noteWriter, shards, 0)...), '}'))
	if err != nil {
		return err
	}
	_, err = p.api.client.PutItem(p.ctx, &dynamodb.PutItemInput{
		TableName: &table, Item: note.(*types.AttributeValueMemberM).Value,
	})
	return err
}

// warn says what readers will not see by themselves, and reports whether there
// is anything. It is for a putter that is done; nil is one that writes nothing.
func (p *putter) warn(sh *shell) bool {
	if p == nil || p.unsaid == "" {
		return false
	}
	fmt.Fprintln(sh.stderr, visible(p.unsaid))
	return true
}

// shardsFor is the number of partitions, at least, of a day that has an
// item; 1 if it says nothing.
func shardsFor(item attributes) int {
	date, ok := item[row.AttrDate].(*types.AttributeValueMemberS)
	if !ok {
		return 1
	}
	_, shard, _ := strings.Cut(date.Value, "#")
	n, err := strconv.Atoi(shard)
	if err != nil || n < 1 {
		return 1
	}
	return n + 1
}
