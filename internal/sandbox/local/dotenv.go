package local

import (
	"fmt"
	"strings"
)

// ParseDotenv reads the variables of a .env file: lines NAME=value, comments,
// an optional "export", values in quotation marks. In double ones \n, \t, \\
// and \" mean what they mean in most languages, in single ones nothing does,
// and either may go over several lines. Outside of them, a value ends at the
// end of the line or at " #". Nothing is expanded. A later line wins.
func ParseDotenv(text string) (map[string]string, error) {
	env := map[string]string{}
	number := 0
	for rest := strings.TrimPrefix(text, "\ufeff"); rest != ""; {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t\"'") {
			return nil, fmt.Errorf("line %d is not NAME=value", number)
		}
		value = strings.TrimSpace(value)
		if value != "" && (value[0] == '"' || value[0] == '\'') {
			begun := number
			for closing(value) < 0 {
				if rest == "" {
					return nil, fmt.Errorf("line %d: the value of %s has no closing %c", begun, name, value[0])
				}
				line, rest, _ = strings.Cut(rest, "\n")
				number++
				value += "\n" + strings.TrimSuffix(line, "\r")
			}
			env[name] = unquote(value[:closing(value)+1])
			continue
		}
		if at := strings.Index(value, " #"); at >= 0 {
			value = strings.TrimSpace(value[:at])
		}
		env[name] = value
	}
	return env, nil
}

// closing is where the quotation mark is that ends a value, -1 if there is
// none.
func closing(value string) int {
	for i := 1; i < len(value); i++ {
		switch {
		case value[i] == '\\' && value[0] == '"':
			i++
		case value[i] == value[0]:
			return i
		}
	}
	return -1
}

func unquote(value string) string {
	inner := value[1 : len(value)-1]
	if value[0] == '\'' {
		return inner
	}
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r", `\t`, "\t", `\"`, `"`, `\$`, `$`).Replace(inner)
}
