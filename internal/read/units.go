package read

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// writeUnits are what DynamoDB takes for writing an item that was not there:
// one for each started KB.
func writeUnits(item map[string]types.AttributeValue) int {
	const unit = 1024
	size := 0
	for name, value := range item {
		size += len(name) + valueSize(value)
	}
	return max(1, (size+unit-1)/unit)
}

// valueSize is a value's size in bytes as DynamoDB's documentation has it;
// that of a number it gives as about this.
func valueSize(value types.AttributeValue) (size int) {
	const container, element = 3, 1
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return numberSize(v.Value)
	case *types.AttributeValueMemberSS:
		return len(strings.Join(v.Value, ""))
	case *types.AttributeValueMemberNS:
		for _, n := range v.Value {
			size += numberSize(n)
		}
		return size
	case *types.AttributeValueMemberBS:
		for _, b := range v.Value {
			size += len(b)
		}
		return size
	case *types.AttributeValueMemberL:
		for _, e := range v.Value {
			size += element + valueSize(e)
		}
		return container + size
	case *types.AttributeValueMemberM:
		for name, e := range v.Value {
			size += element + len(name) + valueSize(e)
		}
		return container + size
	}
	return 1 // null, a boolean
}

// numberSize is two digits a byte, and one more.
func numberSize(n string) int {
	return (len(strings.Trim(n, "0+-"))+1)/2 + 1
}
