package table

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// arnPrefix begins the ARN of every table here; the account is nobody's.
const arnPrefix = "arn:aws:dynamodb:us-east-1:000000000000:table/"

// uncontrolledTTL is how long after a change of the TTL setting the next one
// is refused (API reference, UpdateTimeToLive: up to one hour).
const uncontrolledTTL = time.Hour

type attributeDefinition struct{ AttributeName, AttributeType string }

type keySchemaElement struct{ AttributeName, KeyType string }

type throughput struct{ ReadCapacityUnits, WriteCapacityUnits int }

type onDemandThroughput struct {
	MaxReadRequestUnits  int `json:",omitzero"`
	MaxWriteRequestUnits int `json:",omitzero"`
}

type tag struct{ Key, Value string }

// createTable holds the parameters of CreateTable; Tags and TableClass are
// taken and have no effect.
type createTable struct {
	TableName                 string
	AttributeDefinitions      []attributeDefinition
	KeySchema                 []keySchemaElement
	BillingMode               string
	ProvisionedThroughput     *throughput
	OnDemandThroughput        *onDemandThroughput
	DeletionProtectionEnabled bool
	TableClass                string
	Tags                      []tag
}

func (c *createTable) onDemand() bool { return c.BillingMode == "PAY_PER_REQUEST" }

type tableRequest struct{ TableName string }

type timeToLive struct {
	AttributeName string
	Enabled       bool
}

var tableNamePattern = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)

// checkTableName returns the table's name, which clients may also give as its
// ARN.
func checkTableName(name string) (string, error) {
	if strings.HasPrefix(name, "arn:") {
		if i := strings.LastIndex(name, ":table/"); i >= 0 {
			name = name[i+len(":table/"):]
		}
	}
	switch {
	case name == "":
		return "", invalid("1 validation error detected: Value null at 'tableName' failed to satisfy constraint: " +
			"Member must not be null")
	case len(name) < 3 || len(name) > 255:
		return "", invalid("TableName must be at least 3 characters long and at most 255 characters long")
	case !tableNamePattern.MatchString(name):
		return "", invalid("1 validation error detected: Value '%s' at 'tableName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+", name)
	}
	return name, nil
}

// table finds the table that a data operation names.
func (s *Server) table(name string) (*tableData, error) {
	name, err := checkTableName(name)
	if err != nil {
		return nil, err
	}
	t := s.tables[name]
	if t == nil {
		return nil, &Error{Code: codeNotFound, Message: "Requested resource not found"}
	}
	return t, nil
}

// described is table for the operations that name it in their refusal.
func (s *Server) described(name string) (*tableData, error) {
	name, err := checkTableName(name)
	if err != nil {
		return nil, err
	}
	t := s.tables[name]
	if t == nil {
		return nil, &Error{Code: codeNotFound, Message: "Requested resource not found: Table: " + name + " not found"}
	}
	return t, nil
}

func (s *Server) createTable(_ *call, r *createTable) (any, error) {
	name, err := checkTableName(r.TableName)
	if err != nil {
		return nil, err
	}
	r.TableName = name
	if err := r.checkThroughput(); err != nil {
		return nil, err
	}
	keys, err := r.keys()
	if err != nil {
		return nil, err
	}
	if s.tables[name] != nil {
		return nil, &Error{Code: codeInUse, Message: "Table already exists: " + name}
	}
	t := &tableData{
		name:       name,
		hash:       keys[0],
		partitions: map[string]*partition{},
		created:    s.clock(),
		definition: *r,
	}
	if len(keys) == 2 {
		t.sort = &keys[1]
	}
	s.tables[name] = t
	return map[string]any{"TableDescription": t.describe()}, nil
}

func (r *createTable) checkThroughput() error {
	r.BillingMode = cmp.Or(r.BillingMode, "PROVISIONED")
	switch {
	case r.BillingMode != "PROVISIONED" && r.BillingMode != "PAY_PER_REQUEST":
		return invalid("1 validation error detected: Value '%s' at 'billingMode' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]", r.BillingMode)
	case r.onDemand() && r.ProvisionedThroughput != nil:
		return invalid("One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits " +
			"can be specified when BillingMode is PAY_PER_REQUEST")
	case !r.onDemand() && r.ProvisionedThroughput == nil:
		return invalid("One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must " +
			"both be specified when BillingMode is PROVISIONED")
	}
	return nil
}

// keys returns the partition key and, if there is one, the sort key.
func (r *createTable) keys() ([]keyAttribute, error) {
	types := map[string]string{}
	for _, d := range r.AttributeDefinitions {
		if !ordered(d.AttributeType) {
			return nil, invalid("1 validation error detected: Value '%s' at "+
				"'attributeDefinitions.1.member.attributeType' failed to satisfy constraint: Member must satisfy "+
				"enum value set: [B, N, S]", d.AttributeType)
		}
		types[d.AttributeName] = d.AttributeType
	}
	if len(r.KeySchema) < 1 || len(r.KeySchema) > 2 {
		return nil, invalid("1 validation error detected: Value at 'keySchema' failed to satisfy constraint: Member " +
			"must have length between 1 and 2")
	}
	var keys []keyAttribute
	for i, k := range r.KeySchema {
		if k.KeyType != [...]string{"HASH", "RANGE"}[i] {
			return nil, invalid("Invalid KeySchema: The %s KeySchemaElement is not a %s key type",
				[...]string{"first", "second"}[i], [...]string{"HASH", "RANGE"}[i])
		}
		typ, ok := types[k.AttributeName]
		if !ok {
			return nil, invalid("One or more parameter values were invalid: Some index key attributes are not "+
				"defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]", k.AttributeName,
				strings.Join(slices.Sorted(maps.Keys(types)), ", "))
		}
		keys = append(keys, keyAttribute{k.AttributeName, typ})
	}
	if len(keys) == 2 && keys[0].name == keys[1].name {
		return nil, invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	}
	if len(types) != len(keys) {
		return nil, invalid("One or more parameter values were invalid: Number of attributes in KeySchema does not " +
			"exactly match number of attributes defined in AttributeDefinitions")
	}
	return keys, nil
}

// describe is the TableDescription. A table is ACTIVE as soon as it exists.
func (t *tableData) describe() map[string]any {
	size := 0
	for _, p := range t.partitions {
		for _, e := range p.entries {
			size += e.size
		}
	}
	provisioned := map[string]any{"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
	if given := t.definition.ProvisionedThroughput; given != nil {
		provisioned["ReadCapacityUnits"] = given.ReadCapacityUnits
		provisioned["WriteCapacityUnits"] = given.WriteCapacityUnits
	}
	description := map[string]any{
		"TableName":                 t.name,
		"TableArn":                  arnPrefix + t.name,
		"TableStatus":               "ACTIVE",
		"AttributeDefinitions":      t.definition.AttributeDefinitions,
		"KeySchema":                 t.definition.KeySchema,
		"CreationDateTime":          float64(t.created.UnixMilli()) / 1000,
		"ItemCount":                 t.count(),
		"TableSizeBytes":            size,
		"ProvisionedThroughput":     provisioned,
		"DeletionProtectionEnabled": t.definition.DeletionProtectionEnabled,
	}
	if t.definition.onDemand() {
		description["BillingModeSummary"] = map[string]string{"BillingMode": t.definition.BillingMode}
	}
	if limits := t.definition.OnDemandThroughput; limits != nil {
		description["OnDemandThroughput"] = limits
	}
	return description
}

func (s *Server) describeTable(_ *call, r *tableRequest) (any, error) {
	t, err := s.described(r.TableName)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Table": t.describe()}, nil
}

type listTables struct {
	ExclusiveStartTableName string
	Limit                   *int
}

func (s *Server) listTables(_ *call, r *listTables) (any, error) {
	limit := 100
	if r.Limit != nil {
		limit = *r.Limit
	}
	if limit < 1 || limit > 100 {
		return nil, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member "+
			"must have value between 1 and 100", limit)
	}
	names := slices.Sorted(maps.Keys(s.tables))
	names = slices.DeleteFunc(names, func(name string) bool {
		return r.ExclusiveStartTableName != "" && name <= r.ExclusiveStartTableName
	})
	answer := map[string]any{}
	if len(names) > limit {
		names = names[:limit]
		answer["LastEvaluatedTableName"] = names[limit-1]
	}
	answer["TableNames"] = names
	if names == nil {
		answer["TableNames"] = []string{}
	}
	return answer, nil
}

type updateTimeToLive struct {
	TableName               string
	TimeToLiveSpecification *timeToLive
}

func (s *Server) updateTimeToLive(_ *call, r *updateTimeToLive) (any, error) {
	want := r.TimeToLiveSpecification
	if want == nil || want.AttributeName == "" {
		return nil, invalid("1 validation error detected: Value null at 'timeToLiveSpecification' failed to satisfy " +
			"constraint: Member must not be null")
	}
	t, err := s.described(r.TableName)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	switch {
	case want.Enabled && t.ttl.Enabled && want.AttributeName == t.ttl.AttributeName:
		return nil, invalid("TimeToLive is already enabled")
	case t.ttl.Enabled && want.AttributeName != t.ttl.AttributeName:
		return nil, invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s",
			t.ttl.AttributeName)
	case !want.Enabled && !t.ttl.Enabled:
		return nil, invalid("TimeToLive is already disabled")
	case !t.ttlChanged.IsZero() && now.Sub(t.ttlChanged) < uncontrolledTTL:
		return nil, invalid("Time to live has been modified multiple times within a fixed interval")
	}
	t.ttl, t.ttlChanged = *want, now
	return map[string]any{"TimeToLiveSpecification": want}, nil
}
