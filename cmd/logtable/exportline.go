package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/row"
)

// A line of an export is what query prints with -o jsonl, and of it, import
// makes the item again. Where that would be another item than the one that is
// stored, a further member, stored, has the attributes that are different, in
// DynamoDB's JSON; null says that the item has no such attribute. Thus what is
// imported is what was exported, to the byte, also of rows by others.
const memberStored = "stored"

// exportLine is a row as a line of an export.
func exportLine(r *shown, zone *time.Location) ([]byte, error) {
	line, err := marshalRow(r, zone)
	if err != nil {
		return nil, err
	}
	members, err := parseMembers(line)
	if err != nil {
		return nil, err
	}
	rebuilt, err := plainItem(members)
	if err != nil {
		return nil, err
	}
	different := map[string]json.RawMessage{}
	for name, v := range r.Item {
		if equalValues(v, rebuilt[name]) {
			continue
		}
		if different[name] = encoded(v); string(different[name]) == "{}" {
			return nil, fmt.Errorf("the type of its attribute %s is unknown: install a newer logtable", name)
		}
	}
	for name := range rebuilt {
		if r.Item[name] == nil {
			different[name] = json.RawMessage("null")
		}
	}
	if len(different) == 0 {
		return line, nil
	}
	line = append(bytes.TrimSuffix(line, []byte("}\n")), `,"`+memberStored+`":`...)
	var stored bytes.Buffer
	e := json.NewEncoder(&stored)
	e.SetEscapeHTML(false)
	if err := e.Encode(different); err != nil {
		return nil, err
	}
	line = append(line, escapeJSON(bytes.TrimSuffix(stored.Bytes(), []byte("\n")))...)
	return append(line, '}', '\n'), nil
}

// errNotRow says that a line is not a row of an export.
var errNotRow = errors.New("not a row: import reads what export or query print with -o jsonl, and items in " +
	"DynamoDB's JSON")

func parseMembers(line []byte) (members map[string]json.RawMessage, err error) {
	if json.Unmarshal(line, &members) != nil || members == nil {
		return nil, errNotRow
	}
	return members, nil
}

// Members of a line that are attributes: texts, and whole numbers.
var (
	textMembers = []string{row.AttrDate, row.AttrStampMod, row.AttrMessage, row.AttrLevel, row.AttrLocator,
		row.AttrRequestID, row.AttrTraceID, row.AttrTraceIDLine, row.AttrTenantID, row.AttrExecution,
		row.AttrOperation, row.AttrVersion, row.AttrIssues}
	numberMembers = []string{row.AttrExpiry, row.AttrTruncated, row.AttrAttempt}
)

// takenMembers are the others that a line may have: they say what attributes
// say as well.
var takenMembers = []string{"time", "table", "category", "context", "module", "text", "exception", "environment_id",
	"other", row.AttrFields, memberStored}

// plainItem makes an item of a line's members, but for stored.
func plainItem(members map[string]json.RawMessage) (attributes, error) {
	item := attributes{}
	for _, name := range textMembers {
		text, err := textMember(members, name)
		if err != nil {
			return nil, err
		}
		if text != "" {
			item[name] = &types.AttributeValueMemberS{Value: text}
		}
	}
	for _, name := range numberMembers {
		if value, ok := members[name]; ok {
			item[name] = &types.AttributeValueMemberN{Value: string(value)}
		}
	}
	if fields := members[row.AttrFields]; len(fields) > 0 {
		item[row.AttrFields] = &types.AttributeValueMemberS{Value: string(fields)}
	}
	exception, err := textMember(members, "exception")
	if err != nil {
		return nil, err
	}
	message, _ := item[row.AttrMessage].(*types.AttributeValueMemberS)
	if exception != "" && message != nil && strings.HasSuffix(message.Value, exception) {
		at := len(message.Value) - len(exception)
		item[row.AttrExceptionAt] = &types.AttributeValueMemberN{Value: strconv.Itoa(at)}
	}
	return item, nil
}

func textMember(members map[string]json.RawMessage, name string) (text string, err error) {
	if value, ok := members[name]; ok && json.Unmarshal(value, &text) != nil {
		return "", fmt.Errorf("not a row: its %s is not a string", name)
	}
	return text, nil
}

// An importedRow is what a line says.
type importedRow struct {
	item  attributes
	error bool
}

// parseExportLine reads a line of an export, or an item in DynamoDB's JSON,
// alone or as the Item of AWS's exports to S3. What belongs to which table,
// these do not say: informational rows expire, errors do not.
func parseExportLine(line []byte) (*importedRow, error) {
	members, err := parseMembers(line)
	if err != nil {
		return nil, err
	}
	if item, ok := members["Item"]; ok && len(members) == 1 {
		if members, err = parseMembers(item); err != nil {
			return nil, err
		}
	}
	r := &importedRow{}
	category := ""
	if bytes.HasPrefix(members[row.AttrDate], []byte("{")) {
		r.item = attributes{}
		err = r.overlay(members)
	} else if err = r.plain(members); err == nil {
		category, err = textMember(members, "category")
	}
	if err != nil {
		return nil, err
	}
	switch category {
	case categoryErrors:
		r.error = true
	case categoryInfo:
	case "":
		r.error = r.item[row.AttrExpiry] == nil
	default:
		return nil, errors.New("not a row: its category is neither info nor errors")
	}
	return r, r.check()
}

func (r *importedRow) plain(members map[string]json.RawMessage) (err error) {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(takenMembers, name) && !slices.Contains(textMembers, name) &&
			!slices.Contains(numberMembers, name) {
			return errUnknown
		}
	}
	if r.item, err = plainItem(members); err != nil {
		return err
	}
	stored := map[string]json.RawMessage{}
	if value, ok := members[memberStored]; ok && json.Unmarshal(value, &stored) != nil {
		return errValue
	}
	return r.overlay(stored)
}

// errUnknown says that a line has a member that would be lost.
var errUnknown = errors.New("a member is unknown: written by a newer Logtable, or by another program")

// overlay puts attributes in DynamoDB's JSON over the item; null takes one
// away.
func (r *importedRow) overlay(stored map[string]json.RawMessage) error {
	for name, value := range stored {
		if string(value) == "null" {
			delete(r.item, name)
			continue
		}
		v, err := parseValue(value)
		if err != nil {
			return err
		}
		r.item[name] = v
	}
	return nil
}

// check refuses what is not a row: the tables hold other items, too, and import
// may not write those.
func (r *importedRow) check() error {
	date, ok := r.item[row.AttrDate].(*types.AttributeValueMemberS)
	stamp, stamped := r.item[row.AttrStampMod].(*types.AttributeValueMemberS)
	if !ok || !stamped || stamp.Value == "" {
		return errNotRow
	}
	day, _, _ := strings.Cut(date.Value, "#")
	if _, err := time.Parse(time.DateOnly, day); err != nil || !strings.HasPrefix(day, "20") {
		return errors.New("its date is not a day of this century")
	}
	return nil
}

// expired reports whether DynamoDB would delete the row right away.
func (r *importedRow) expired(now time.Time) bool {
	expiry, ok := r.item[row.AttrExpiry].(*types.AttributeValueMemberN)
	if !ok || r.error {
		return false
	}
	seconds, err := strconv.ParseFloat(expiry.Value, 64)
	return err == nil && seconds <= float64(now.Unix())
}
