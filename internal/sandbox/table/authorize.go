package table

import (
	"fmt"

	"github.com/go-json-experiment/json"
)

// An Authorizer decides whether a request may be carried out on a table, as IAM
// does: by its action ("dynamodb:UpdateItem"), the table's ARN, and the
// partition keys of all items that it names of that table, which IAM calls
// leading keys. keys is empty for requests that name none.
type Authorizer func(action, tableARN string, keys []string) bool

// Authorize has every request decided on from now on; nil allows all. Faults go
// before.
func (s *Server) Authorize(a Authorizer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.authorizer = a
}

// named is what the requests that name items have in common.
type named struct {
	TableName    string
	Key, Item    Item
	RequestItems map[string][]writeRequest

	// Of a Query.
	KeyConditionExpression    *string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues map[string]Value
}

// authorize asks the Authorizer about each table that a request concerns.
func (s *Server) authorize(op string, body []byte) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.authorizer == nil {
		return nil
	}
	var n named
	if json.Unmarshal(body, &n) != nil {
		return denied(op, arnPrefix+"*") // what cannot be judged is not allowed
	}
	keys := map[string][]string{}
	if n.TableName != "" {
		keys[n.TableName] = nil
	}
	for name, requests := range n.RequestItems {
		for _, w := range requests {
			if w.PutRequest == nil && w.DeleteRequest == nil {
				return denied(op, arnPrefix+"*")
			}
			keys[name] = append(keys[name], s.leading(name, w.key()))
		}
	}
	for _, item := range []Item{n.Key, n.Item} {
		if item != nil {
			keys[n.TableName] = append(keys[n.TableName], s.leading(n.TableName, item))
		}
	}
	if hash, ok := s.queried(&n); ok {
		keys[n.TableName] = append(keys[n.TableName], hash)
	}
	for name, leading := range keys {
		plain, err := checkTableName(name)
		if err != nil || !s.authorizer("dynamodb:"+op, arnPrefix+plain, leading) {
			return denied(op, arnPrefix+plain)
		}
	}
	return nil
}

// queried is the partition key that a Query asks for. One that cannot be read
// is refused for that afterwards. mu must be held.
func (s *Server) queried(n *named) (hash string, ok bool) {
	if n.KeyConditionExpression == nil {
		return "", false
	}
	given := newPlaceholders(n.ExpressionAttributeNames, n.ExpressionAttributeValues)
	condition, err := parseCondition("KeyConditionExpression", n.KeyConditionExpression, given)
	if err != nil {
		return "", false
	}
	t, tableErr := s.table(n.TableName)
	if tableErr != nil {
		return "", false
	}
	value, _, err := t.splitKeyCondition(condition)
	return value.Text, err == nil
}

// leading is the partition key of an item. mu must be held.
func (s *Server) leading(name string, item Item) string {
	t, err := s.table(name)
	if err != nil {
		return ""
	}
	return item[t.hash.name].Text
}

// denied is IAM's refusal.
func denied(op, resource string) *Error {
	return &Error{Code: codeAccessDenied, Message: fmt.Sprintf(
		"User: arn:aws:sts::000000000000:assumed-role/function/function is not authorized to perform: dynamodb:%s "+
			"on resource: %s because no identity-based policy allows the dynamodb:%s action", op, resource, op)}
}
