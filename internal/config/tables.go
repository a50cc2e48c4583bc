package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/awsenv"
)

func (l *loader) tables(t *Tables) {
	t.InfoTable = l.table(InfoTable, DefaultInfoTable)
	t.ErrorsTable = l.table(ErrorsTable, DefaultErrorsTable)
	t.TTL = l.ttl()
	t.Zone = l.zone()
	t.Layout = l.choice(Layout, "line", "packed", "auto")
	t.Shards = l.integer(Shards, 1, 1, MaxShards, 2)
	t.ErrorShards = l.integer(ErrorShards, 1, 1, MaxShards, 2)
}

// table accepts what DynamoDB accepts as TableName: a name of 3 to 255
// characters out of a-z A-Z 0-9 _ . - or a table's ARN.
func (l *loader) table(variable, fallback string) string {
	v := strings.TrimSpace(l.getenv(variable))
	switch {
	case v == "":
		return fallback
	case isTableName(v):
		return v
	}
	if arn, ok := awsenv.SplitARN(v); ok && arn.Service == "dynamodb" {
		if name, isTable := strings.CutPrefix(arn.Resource, "table/"); isTable && isTableName(name) {
			l.elsewhere(variable, arn)
			return v
		}
	}
	l.refuse(variable, v, "is not a valid DynamoDB table name", fallback,
		"use 3 to 255 characters from a-z A-Z 0-9 _ . - or the table's ARN, for example "+variable+"="+fallback)
	return fallback
}

// elsewhere says of a table's ARN that no request of ours can reach it: the
// request goes to the function's region, and DynamoDB does not pass it on.
// Another account is not an obstacle. The ARN is kept all the same, because
// rows must not go to a table that nobody named.
func (l *loader) elsewhere(variable string, table awsenv.ARN) {
	region := l.region()
	p := Problem{Variable: variable}
	switch {
	case !awsenv.InPartition(table.Region, table.Partition):
		p.Message = fmt.Sprintf("%s names region %s in partition %s, but that region is in %s; DynamoDB will refuse "+
			"every row",
			variable, table.Region, table.Partition, awsenv.Partition(table.Region))
		p.Advice = "write the ARN as DynamoDB shows it, " +
			"arn:" + awsenv.Partition(table.Region) + ":dynamodb:" + table.Region + ":…"
	case region != "" && table.Region != region:
		p.Message = fmt.Sprintf("%s names a table in region %s, but the function runs in %s and can only write to "+
			"tables there; DynamoDB will refuse every row",
			variable, table.Region, region)
		p.Advice = "name a table in " + region + "; for a global table, that is its replica there"
	default:
		return
	}
	l.problems = append(l.problems, p)
}

// region is where the function runs; "" if that is not said.
func (l *loader) region() string {
	if region := l.getenv("AWS_REGION"); region != "" {
		return region
	}
	return l.getenv("AWS_DEFAULT_REGION")
}

// isTableName is not a regular expression: most functions name their tables.
func isTableName(v string) bool {
	for _, c := range []byte(v) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return len(v) >= 3 && len(v) <= 255
}

const (
	defaultTTL = 60 * 24 * time.Hour
	maxTTL     = 100 * 365 * 24 * time.Hour
)

func (l *loader) ttl() time.Duration {
	v := strings.TrimSpace(l.getenv(TTL))
	if v == "" {
		return defaultTTL
	}
	d, ok := duration(v)
	why := ""
	switch {
	case !ok:
		why = "is not a duration"
	case d < time.Second:
		why = "is less than a second"
	case d > maxTTL:
		why = "is more than 100 years"
	default:
		if d < time.Hour {
			l.problems = append(l.problems, Problem{
				Variable: TTL, Harmless: true,
				Message: fmt.Sprintf("%s=%q makes informational rows expire %v after they are printed", TTL, v, d),
				Advice:  "write days as 60d; bare numbers are seconds",
			})
		}
		return d
	}
	l.refuse(TTL, v, why, "60d", "write days as 60d, hours as 12h, or bare seconds such as 5184000")
	return defaultTTL
}
