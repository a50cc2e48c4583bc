package redact_test

import (
	"encoding/json"
	"math/rand"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/redact"
	"github.com/logtable/logtable/internal/testkit"
)

// The keys are the examples of AWS's own documentation.
const (
	key    = "AKIAIOSFODNN7EXAMPLE"
	tmpKey = "ASIAIOSFODNN7EXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	token  = "FwoGZXIvYXdzEBYaDExampleOnlyNotARealToken//////////wEaDHnlK+abcdefghijklmnopqrstuvwx=="
	jwt    = "eyJhbGciOiJub25lIiwieCI6MX0.eyJzdWIiOiJleGFtcGxlIn0.c2lnbmF0dXJl_-x"
	opaque = "2YotnFZFEjr1zCsicMWpAA"
)

const (
	mKey    = "[redacted aws-key]"
	mSecret = "[redacted aws-secret]"
	mToken  = "[redacted aws-token]"
	mBearer = "[redacted bearer]"
	mJWT    = "[redacted jwt]"
	mCard   = "[redacted card]"
	mEmail  = "[redacted e-mail]"
	mAny    = "[redacted]"
)

func compile(t testing.TB, setting string) *redact.Redactor {
	t.Helper()
	r, err := redact.New(setting)
	if err != nil {
		t.Fatalf("New(%q): %v", setting, err)
	}
	return r
}

// A textCase is a text and what becomes of it; "" says that it stays.
type textCase struct{ in, want string }

var secretCases = []textCase{
	// AWS access key IDs, at the ends, in the middle, several.
	{key, mKey},
	{tmpKey + " and " + key, mKey + " and " + mKey},
	{"Credential=" + key + "/20261122/eu-west-1/s3/aws4_request",
		"Credential=" + mKey + "/20261122/eu-west-1/s3/aws4_request"},
	{"X-Amz-Credential=" + key + "%2F20261122", "X-Amz-Credential=" + mKey + "%2F20261122"},
	{"u=%3D" + key + "&x", "u=%3D" + mKey + "&x"},
	{`{\"id\":\"x\n` + key + `\"}`, `{\"id\":\"x\n` + mKey + `\"}`},
	{`id\u003D` + key, `id\u003D` + mKey},
	{"ключ" + key + "ключ", "ключ" + mKey + "ключ"},
	{"key_" + key + "_old", "key_" + mKey + "_old"},
	{key + "," + key + ";" + key, mKey + "," + mKey + ";" + mKey},
	{"AKIA" + key, ""}, // a longer run
	{key + "7", ""},
	{"X" + key, ""},
	{"AKIA", ""},
	{"AKIAIOSFODNN7EXAMPL", ""},
	{"AKIAiosfodnn7example", ""},
	{"AROAIOSFODNN7EXAMPLE", ""}, // a role's ID is not a credential

	// Secret access keys.
	{"aws_secret_access_key = " + secret, "aws_secret_access_key = " + mSecret},
	{"AWS_SECRET_ACCESS_KEY=" + secret + "\nPATH=/bin", "AWS_SECRET_ACCESS_KEY=" + mSecret + "\nPATH=/bin"},
	{`"SecretAccessKey": "` + secret + `"`, `"SecretAccessKey": "` + mSecret + `"`},
	{`{\"secretAccessKey\":\"` + secret + `\"}`, `{\"secretAccessKey\":\"` + mSecret + `\"}`},
	{`{\\\"secretAccessKey\\\":\\\"` + secret + `\\\"}`, `{\\\"secretAccessKey\\\":\\\"` + mSecret + `\\\"}`},
	{"{secretAccessKey: '" + secret + "', region}", "{secretAccessKey: '" + mSecret + "', region}"},
	{"<SecretAccessKey>" + secret + "</SecretAccessKey>", "<SecretAccessKey>" + mSecret + "</SecretAccessKey>"},
	{"-Daws.secretKey=" + secret, "-Daws.secretKey=" + mSecret},
	{":secret_access_key=>\"" + secret + "\"", ":secret_access_key=>\"" + mSecret + "\""},
	{`secretAccessKey=` + strings.ReplaceAll(secret, "/", `\/`), `secretAccessKey=` + mSecret},
	{`secretAccessKey=` + strings.ReplaceAll(secret, "/", "%2F") + "&x=1", `secretAccessKey=` + mSecret + "&x=1"},
	{secret, ""}, // nothing says what it is
	{"SecretAccessKey " + secret, "SecretAccessKey " + mSecret},
	{"SecretAccessKey=" + secret + "x", ""},
	{"SecretAccessKey=" + secret[1:], ""},
	{"SecretAccessKeyId=" + secret, ""},
	{"SecretAccessKey must not be empty: see the manual", ""},
	{"key=" + secret, ""},

	// Session tokens.
	{"aws_session_token=" + token + "\n", "aws_session_token=" + mToken + "\n"},
	{`"SessionToken": "` + token + `",`, `"SessionToken": "` + mToken + `",`},
	{"?X-Amz-Security-Token=" + strings.NewReplacer("/", "%2F", "+", "%2b", "=", "%3D").Replace(token) + "&X=1",
		"?X-Amz-Security-Token=" + mToken + "&X=1"},
	{"sessionToken: expired", ""},
	{"token=" + token, ""},

	// Bearer tokens. The word stays.
	{"Authorization: Bearer " + opaque, "Authorization: Bearer " + mBearer},
	{"authorization: bearer " + opaque + ", next", "authorization: bearer " + mBearer + ", next"},
	{"BEARER  " + opaque, "BEARER  " + mBearer},
	{"bEaReR\t" + opaque + "==", "bEaReR\t" + mBearer},
	{"Bearer " + jwt, "Bearer " + mBearer},
	{"Authorization: Bearer x", "Authorization: Bearer " + mBearer},
	{`headers: { Authorization: 'Bearer short' }`, `headers: { Authorization: 'Bearer ` + mBearer + `' }`},
	{`{\"Authorization\":\"Bearer short\"}`, `{\"Authorization\":\"Bearer ` + mBearer + `\"}`},
	{`map[Authorization:[Bearer short]]`, `map[Authorization:[Bearer ` + mBearer + `]]`},
	{`"authorizationToken": "Bearer short"`, `"authorizationToken": "Bearer ` + mBearer + `"`},
	{"auth=Bearer%20" + opaque, "auth=Bearer%20" + mBearer},
	{"bearer 6f0c1b52-2d0e-4b6e-9d3f-000000000001 sent", "bearer " + mBearer + " sent"},
	{"the bearer of this letter", ""},
	{"Bearer authentication/authorization is required", ""},
	{"bearer token is missing", ""},
	{"Bearer OAuth2.0 is required", ""},
	{`WWW-Authenticate: Bearer realm="api", error="invalid_token"`, ""},
	{"forbearer " + opaque, ""},
	{"Bearer", ""},
	{"Bearer ", ""},
	{"Authorization: Bearer ", ""},
	{"Authorization: Bearer [REDACTED]", ""},

	// JWTs.
	{jwt, mJWT},
	{"a " + jwt + " b " + jwt + ".", "a " + mJWT + " b " + mJWT},
	{`id_token\":\"x\n` + jwt + `\"`, `id_token\":\"x\n` + mJWT + `\"`},
	{"cookie=" + jwt + "; path=/", "cookie=" + mJWT + "; path=/"},
	{"v1_" + jwt, "v1_" + mJWT},
	{"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.", mJWT},                            // without a signature
	{"eyJhbGciOiJkaXIifQ..48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYI.XFB", mJWT}, // encrypted
	{"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0", ""},
	{"eyJhbGciOiJub25lIn0", ""},
	{"eyJ.eyJ.eyJ", ""},
	{"com.example.keyJsonProvider.loader.Start", ""},
	{"eyJhbGciOiJub25lIn0..", ""},

	// Several at once, and one in another.
	{key + " " + jwt + " Bearer " + opaque, mKey + " " + mJWT + " Bearer " + mBearer},
	{"Bearer " + key + "." + jwt, "Bearer " + mBearer},

	// Personal data are not secrets.
	{"4111111111111111 zoe@example.com", ""},
}

// harmless is what no setting of ours may touch.
var harmless = []string{
	"",
	"a",
	"4711",
	"order stored, the customer's next step is payment",
	"6f0c1b52-2d0e-4b6e-9d3f-000000000001",
	"40151128-3036-4111-8111-111111111111", // a UUID of digits only
	"11111111-4111-4111-9111-111111111111",
	"2026-11-22T10:52:00.573Z",
	"2026-11-22 10:52:00.573 +0100",
	"[22/Nov/2026:10:52:00 +0000]",
	"1795300002050 1795300002050123 1795300002050123456", // epoch in ms, µs, ns
	"1795300002.0050007+orders+2p4thtomb9",
	"arn:aws:lambda:eu-west-1:123456789012:function:orders:42",
	"arn:aws:iam::123456789012:role/service-role/orders-role-4zbx1q2k",
	"1-5759e988-bd862e3fe1be46a994272793",
	"da39a3ee5e6b4b0d3255bfef95601890afd80709",
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"sha256:4111111111111111a4111111111111111b",
	"0.4111111111111111 1e4111111111111111",
	"4111111111111111.5 -1.4111111111111111",
	"order 4111111111111112", // the check digit is wrong
	"order 7111111111111114", // nobody issues these
	"41111111111111111111111", "411111111111111141111111111111114111",
	"1234-4111-1111-1111-1111", "4111-1111-1111-1111-1234",
	"+4915112345678 +41111111111111111",
	"41-11-11-11-11-11-11-11",
	"4111  1111  1111  1111",
	"4111.1111.1111.1111",
	"000000000000000000", "0000 0000 0000 0000",
	"logo@2x.png icon@3x.png",
	"github.com/aws/aws-sdk-go-v2/config@v1.33.15/load.go:12",
	"lodash@4.17.21 node_modules/@aws-sdk/client-s3/index.js",
	"com.example.Order@1b6d3586",
	"user@localhost @Override a@b @example.com foo@ foo@.com foo@bar. foo@bar.c",
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
	"secret key token session bearer AKIA ASIA eyJ",
	"\x00\xff\xfe\xed\xa0\x80",
	mKey + mSecret + mToken + " Bearer " + mBearer + mJWT + mCard + mEmail + mAny + "@example.com",
}

var allCases = []textCase{
	{"4111111111111111", mCard},
	{"card 4111 1111 1111 1111 declined", "card " + mCard + " declined"},
	{"4111-1111-1111-1111", mCard},
	{"3782 822463 10005, 378282246310005", mCard + ", " + mCard},
	{"3056 930902 5904", mCard},
	{"5555555555554444,2223003122003222;6011111111111117|3530111333300000",
		mCard + "," + mCard + ";" + mCard + "|" + mCard},
	{"4222222222222", mCard},
	{"4111 1111 1111 1111 5555 5555 5555 4444", mCard + " " + mCard},
	{"12 4111 1111 1111 1111 12/27 123", "12 " + mCard + " 12/27 123"},
	{"4111111111111111.", mCard + "."},
	{"pan=4111111111111111&cvv=1", "pan=" + mCard + "&cvv=1"},
	{`\n4111111111111111\n`, `\n` + mCard + `\n`},
	{"№4111111111111111€", "№" + mCard + "€"},
	{"pan_4111111111111111_x", "pan_" + mCard + "_x"},
	{"pan%3D4111111111111111", "pan%3D" + mCard},

	{"zoe@example.com", mEmail},
	{"from <zoe.o'x+tag@mail.example.co.uk>, to: a@b.de.", "from <zoe.o'" + mEmail + ">, to: " + mEmail + "."},
	{"mailto:zoe@example.com?subject=x", "mailto:" + mEmail + "?subject=x"},
	{"email=zoe%40example.com&x=1", "email=" + mEmail + "&x=1"},
	{"zoë@bücher.example", mEmail},
	{"x@xn--bcher-kva.xn--p1ai", mEmail},
	{`\u003czoe@example.com\u003e`, `\u003c` + mEmail + `\u003e`},
	{`a\nzoe@example.com\n`, `a\n` + mEmail + `\n`},
	{"zoe@example.com-2026", mEmail + "-2026"},
	{"a@b.de,c@d.fr;e@f.it", mEmail + "," + mEmail + ";" + mEmail},
	{"...zoe@example.com...", "..." + mEmail + "..."},

	{key + " zoe@example.com 4111111111111111 " + jwt, mKey + " " + mEmail + " " + mCard + " " + mJWT},
	{"Bearer " + opaque + "@example.com", "Bearer " + mEmail}, // the longer of two
}

func TestString(t *testing.T) {
	unchanged := make([]textCase, len(harmless))
	for i, in := range harmless {
		unchanged[i].in = in
	}
	for _, set := range []struct {
		setting string
		cases   []textCase
	}{
		{"", secretCases},
		{"secrets", secretCases},
		{" Secrets ; ", secretCases},
		{"secrets", unchanged},
		{"all", secretCases[:len(secretCases)-1]}, // the last one says what all has more
		{"all", allCases},
		{"all", unchanged},
		{"off", []textCase{{key + " " + jwt + " zoe@example.com", ""}}},
		{"OFF", []textCase{{key, ""}}},
		{`password=\S+`, []textCase{
			{"password=x y password=z", mAny + " y " + mAny},
			{key, mKey}, // secrets holds
			{"Password=x", ""},
		}},
		{`off;password=\S+`, []textCase{
			{"password=x y password=z", mAny + " y " + mAny},
			{key, ""}, // the built-in kinds are off
		}},
		{`password=\S+;secrets`, []textCase{
			{"password=x " + key, mAny + " " + mKey},
			{"password=" + key, mAny},
			{"zoe@example.com", ""},
		}},
		{`all;internal-\d+;(?i)password=\S+`, []textCase{
			{"PASSWORD=x internal-42 zoe@example.com", mAny + " " + mAny + " " + mEmail},
		}},
		{`a\;b;c`, []textCase{{"a;b c a b", mAny + " " + mAny + " a b"}}},
		{`x\\;y`, []textCase{{`x\ y x`, mAny + " " + mAny + " x"}}},
		{`[\;,]+`, []textCase{{"a;,;b", "a" + mAny + "b"}}},
		{`a;;b;`, []textCase{{"ab", mAny}}},
		{`\d`, []textCase{{"a1234b5", "a" + mAny + "b" + mAny}}},
		{`(off)`, []textCase{{"off", mAny}}},
		{`ü+`, []textCase{{"Tür", "T" + mAny + "r"}}},

		// Marks: what an expression finds within one stays, what reaches
		// out of one takes it along.
		{`secrets;redacted`, []textCase{{key, mKey}, {"was redacted", "was " + mAny}, {mKey, ""}}},
		{`secrets;.*password.*`, []textCase{{"[redacted jwt] password: x", mAny}, {key + " password: x", mAny}}},
		{`secrets;k.\]x`, []textCase{{key + "x", mKey + "x"}, {"[redacted jwt]x", ""}, {"k1]x", mAny}}},
		{`secrets;y\]x`, []textCase{{key + "x", mAny}}},

		// A mark is a new neighbour, next to which more is found.
		{`c\b;X`, []textCase{{"acX", "a" + mAny + mAny}}},
		// An expression that eats its way through takes all.
		{`c\b;X`, []textCase{{"cccccccX", mAny}}},
	} {
		r := compile(t, set.setting)
		for _, c := range set.cases {
			want := c.want
			if want == "" {
				want = c.in
			}
			got := r.String(c.in)
			if got != want {
				t.Errorf("%q: String(%q)\n got %q\nwant %q", set.setting, c.in, got, want)
			}
			if again := r.String(got); again != got {
				t.Errorf("%q: String(%q) = %q, a second time %q", set.setting, c.in, got, again)
			}
			if c.want == "" && unsafe.StringData(got) != unsafe.StringData(c.in) {
				t.Errorf("%q: String(%q) is a copy", set.setting, c.in)
			}
		}
	}
}

// In JSON a text may stand as a value, as a name and in an array, escaped or
// not, and its neighbours stay as they are.
func TestJSONAsString(t *testing.T) {
	for setting, cases := range map[string][]textCase{"secrets": secretCases, "all": allCases} {
		r := compile(t, setting)
		for _, c := range cases {
			want := c.want
			if want == "" {
				want = c.in
			}
			for _, escape := range []func(string) string{quoted, escaped} {
				for _, frame := range []string{
					"{ \"n\" : 1.50e+3,\t\"a\\/b\":%s,\"é\":\"\\u00e9\" }", `{"a":{"b":[null,%s,true]}}`, `{%s:1}`,
				} {
					in := strings.Replace(frame, "%s", escape(c.in), 1)
					got := r.JSON(in)
					wanted := decodeAny(t, strings.Replace(frame, "%s", quoted(want), 1))
					if !cmp.Equal(wanted, decodeAny(t, got)) {
						t.Errorf("%s: JSON(%s)\n got %s\nwant %q in it", setting, in, got, want)
					}
					before, after, _ := strings.Cut(frame, "%s")
					if !strings.HasPrefix(got, before) || !strings.HasSuffix(got, after) {
						t.Errorf("%s: JSON(%s) = %s: what is around it has changed", setting, in, got)
					}
					if want == c.in && got != in {
						t.Errorf("%s: JSON(%s) = %s: nothing is to be masked", setting, in, got)
					}
				}
			}
		}
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// escaped writes every character as \uXXXX.
func escaped(s string) string {
	const digits = "0123456789aBcDeF"
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if r > 0xffff {
			panic("write surrogates")
		}
		b.WriteString(`\u`)
		for shift := 12; shift >= 0; shift -= 4 {
			b.WriteByte(digits[r>>shift&0xf])
		}
	}
	b.WriteByte('"')
	return b.String()
}

func decodeAny(t testing.TB, text string) any {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestJSON(t *testing.T) {
	for _, set := range []struct {
		setting string
		cases   []textCase
	}{
		{"secrets", []textCase{
			{`{}`, ""},
			{`{"a":1}`, ""},
			// The name says what the value is.
			{`{"Credentials":{"AccessKeyId":"` + tmpKey + `","SecretAccessKey":"` + secret + `","SessionToken" : "` +
				token + `"}}`,
				`{"Credentials":{"AccessKeyId":"` + mKey + `","SecretAccessKey":"` + mSecret + `","SessionToken" : "` +
					mToken + `"}}`},
			{`{"aws\u005fsecret_access_key":"` + strings.ReplaceAll(secret, "/", `\/`) + `"}`,
				`{"aws\u005fsecret_access_key":"` + mSecret + `"}`},
			{`{"X-Amz-Security-Token":["` + token + `"],"x":"` + token + `"}`,
				`{"X-Amz-Security-Token":["` + mToken + `"],"x":"` + token + `"}`},
			{`{"headers":{"Authorization":"Bearer short"}}`, `{"headers":{"Authorization":"Bearer ` + mBearer + `"}}`},
			{`{"multiValueHeaders":{"authorization":["bearer short"]},"note":"bearer short"}`,
				`{"multiValueHeaders":{"authorization":["bearer ` + mBearer + `"]},"note":"bearer short"}`},
			{`{"SecretAccessKeyId":"` + secret + `","secret":"` + secret + `"}`, ""},
			{`{"SecretAccessKey":null,"a":"` + secret + `"}`, ""},
			{`{"SecretAccessKey":"unset","a":"` + key + `"}`, `{"SecretAccessKey":"unset","a":"` + mKey + `"}`},
			// Escapes, and what looks like one.
			{`{"a":"\u0041KIAIOSFODNN7EXAMPLE"}`, `{"a":"` + mKey + `"}`},
			{`{"a":"\"` + key + `\"\\"}`, `{"a":"\"` + mKey + `\"\\"}`},
			{`{"a":"\\\\","b":"\\\"` + key + `"}`, `{"a":"\\\\","b":"\\\"` + mKey + `"}`},
			{`{"a":"\\u0041KIAIOSFODNN7EXAMPLE"}`, `{"a":"` + mKey + `"}`}, // JSON in a string
			{`{"a":"\n` + key + `\ud83d\ude00 \ud800 ` + key + `"}`,
				`{"a":"\n` + mKey + `\ud83d\ude00 \ud800 ` + mKey + `"}`},
			{"{\"a\":\"\xff" + key + "\xfe\\n" + key + "\"}", "{\"a\":\"\xff" + mKey + "\xfe\\n" + mKey + "\"}"},
			{`{"a":"{\"SecretAccessKey\":\"` + secret + `\"}"}`, `{"a":"{\"SecretAccessKey\":\"` + mSecret + `\"}"}`},
			// Names, twice the same one too.
			{`{"` + key + `":1,"` + key + `":"` + key + `"}`, `{"` + mKey + `":1,"` + mKey + `":"` + mKey + `"}`},
			// Apart from its name.
			{`{"Item":{"SecretAccessKey":{"S":"` + secret + `"},"SessionToken":{"L":[{"S":"` + token + `"}]}}}`,
				`{"Item":{"SecretAccessKey":{"S":"` + mSecret + `"},"SessionToken":{"L":[{"S":"` + mToken + `"}]}}}`},
			{`{"headers":{"authorization":{"values":["Bearer short"]}},"note":"Bearer short"}`,
				`{"headers":{"authorization":{"values":["Bearer ` + mBearer + `"]}},"note":"Bearer short"}`},
			{`[{"value":"` + secret + `","name":"aws\u005fsecret_access_key"},{"name":"x","value":"` + secret + `"}]`,
				`[{"value":"` + mSecret + `","name":"aws\u005fsecret_access_key"},{"name":"x","value":"` + secret +
					`"}]`},
			{`{"rawHeaders":["x-amz-security-token","` + token + `"]}`,
				`{"rawHeaders":["x-amz-security-token","` + mToken + `"]}`},
			{`{"SecretAccessKeyId":{"S":"` + secret + `"},"name":"SecretAccessKeyId","value":"` + secret + `"}`, ""},
			{`{"name":"SecretAccessKey","value":"` + secret[1:] + `"}`, ""},
			// In several layers.
			{`{"a":"{\"b\":\"{\\\"SecretAccessKey\\\":\\\"` + strings.ReplaceAll(secret, "/", `\\\u002F`) +
				`\\\"}\"}"}`,
				`{"a":"{\"b\":\"{\\\"SecretAccessKey\\\":\\\"` + mSecret + `\\\"}\"}"}`},
			{`{"u":"x?secret%255Faccess%255Fkey%253D` + strings.ReplaceAll(secret, "/", "%252F") + `%2526b"}`,
				`{"u":"x?secret%255Faccess%255Fkey%253D` + mSecret + `%2526b"}`},
			// What is one text in two strings is none.
			{`{"a":"Bearer","b":"` + opaque + `"}`, ""},
			{`{"AKIA":"IOSFODNN7EXAMPLE"}`, ""},
			{`["AKIA","` + key + `"]`, `["AKIA","` + mKey + `"]`},
			{`"` + key + `"`, `"` + mKey + `"`},
			// No JSON: as a text.
			{`{"a":"` + key + `"`, `{"a":"` + mKey + `"`},
			{`{a:` + key + `}`, `{a:` + mKey + `}`},
			{`{"SecretAccessKey":"` + secret + `",}`, `{"SecretAccessKey":"` + mSecret + `",}`},
			{key, mKey},
			{``, ""},
		}},
		{"all", []textCase{
			{`{"a":"zoe\u0040example.com","zoe@example.com":"4111 1111 1111 1111"}`,
				`{"a":"` + mEmail + `","` + mEmail + `":"` + mCard + `"}`},
			{`{"card":4111111111111111}`, `{"card":"` + mCard + `"}`},
			{`{"cards":[4111111111111111,5555555555554444 , 1]}`, `{"cards":["` + mCard + `","` + mCard + `" , 1]}`},
			{`{"a":4111111111111112,"b":4111111111111111.0,"c":-4111111111111111,"d":4111111111111111e2,"e":1795300002050}`, ""},
			{`[4111,1111,1111,1111]`, ""},
		}},
		{`"|,|:`, []textCase{ // not the structure
			{`{"a":"b","c":"x\"y,z"}`, `{"a":"b","c":"x[redacted]y[redacted]z"}`},
		}},
		// Names with their values, and numbers.
		{`"password":\s*"[^"]+"`, []textCase{
			{`{"password": "hunter2","user":"zoe"}`, `{"password": "` + mAny + `","user":"zoe"}`},
			{`{"a":[{"password":"hunter\"2"}]}`, `{"a":[{"password":"` + mAny + `"}]}`},
			{`{"p\u0061ssword":"hunter2"}`, `{"p\u0061ssword":"` + mAny + `"}`},
			{`{"password":"","user":"hunter2"}`, ""},
			{`{"password":null,"user":"password"}`, ""},
			{`{"password":"[redacted jwt]"}`, ""},
			{`{"SecretAccessKey":"` + secret + `"}`, `{"SecretAccessKey":"` + mSecret + `"}`},
		}},
		{`(?i)password\W+\w+`, []textCase{
			{`{"Password":"hunter2 and more","b":1}`, `{"Password":"` + mAny + `","b":1}`},
			{`{"password":12345,"b":1}`, `{"password":"` + mAny + `","b":1}`},
			{`{"password" : true}`, `{"password" : "` + mAny + `"}`},
			{`{"note":"password: hunter2, more"}`, `{"note":"` + mAny + `, more"}`},
			{`{"a":"password","b":"x"}`, ""}, // of two members
		}},
		{`off;.*password.*`, []textCase{
			{`{"a":"x","password":"hunter2","SecretAccessKey":"` + secret + `"}`,
				`{"a":"x","` + mAny + `":"` + mAny + `","SecretAccessKey":"` + secret + `"}`},
		}},
		{`\b\d{9}\b`, []textCase{
			{`{"ssn":123456789,"n":12345678,"f":123456789.5,"list":[123456789 ,-123456789]}`,
				`{"ssn":"` + mAny + `","n":12345678,"f":"` + mAny + `","list":["` + mAny + `" ,"` + mAny + `"]}`},
			{`{"ssn":"123456789"}`, `{"ssn":"` + mAny + `"}`},
		}},
		{`^\d+$`, []textCase{{`{"a":12,"b":"12","c":"x12"}`, `{"a":"` + mAny + `","b":"` + mAny + `","c":"x12"}`}}},
		{`é|😀`, []textCase{
			{`{"\u00e9":"aé\ud83d\ude00b\u00e9"}`, `{"` + mAny + `":"a` + mAny + `b` + mAny + `"}`},
		}},
		{`^x$`, []textCase{{`{"x":"x","y":"xx"}`, `{"` + mAny + `":"` + mAny + `","y":"xx"}`}}},
		{`c\b;X`, []textCase{{`{"a":"cccccccX","b":"c"}`, `{"a":"` + mAny + `","b":"` + mAny + `"}`}}},
		{"off", []textCase{{`{"a":"` + key + `"}`, ""}}},
	} {
		r := compile(t, set.setting)
		for _, c := range set.cases {
			want := c.want
			if want == "" {
				want = c.in
			}
			got := r.JSON(c.in)
			if got != want {
				t.Errorf("%q: JSON(%s)\n got %s\nwant %s", set.setting, c.in, got, want)
			}
			if again := r.JSON(got); again != got {
				t.Errorf("%q: JSON(%s) = %s, a second time %s", set.setting, c.in, got, again)
			}
			if c.want == "" && unsafe.StringData(got) != unsafe.StringData(c.in) {
				t.Errorf("%q: JSON(%s) is a copy", set.setting, c.in)
			}
		}
	}
}

// A request's ID, and X-Ray's, are not cards, whatever their digits, nor is a
// part of one, alone and in a text.
func TestIDsAreNoCards(t *testing.T) {
	r := compile(t, "all")
	random := rand.New(rand.NewSource(1))
	digits := func(n int) string {
		const some = "0123456789"
		b := make([]byte, n)
		for i := range b {
			b[i] = some[random.Intn(len(some))]
		}
		return string(b)
	}
	for range 100_000 {
		for _, id := range [...]string{
			digits(8) + "-" + digits(4) + "-4" + digits(3) + "-8" + digits(3) + "-" + digits(12),
			"1-" + digits(8) + "-" + digits(24),
		} {
			for _, text := range [...]string{id, "Root=" + id + ";Sampled=1", "RequestId: " + id + " 12 ms"} {
				if got := r.String(text); got != text {
					t.Fatalf("String(%q) = %q", text, got)
				}
			}
		}
	}
}

// Head masks what stands across the end before it cuts.
func TestHead(t *testing.T) {
	r := compile(t, "all")
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"short", 5, "short"},
		{"longer", 5, "longe…"},
		{"zoë", 3, "zo…"},
		{"id " + key, 12, "id [redacted…"},
		{"id " + key, 30, "id " + mKey},
		{"id " + jwt + strings.Repeat("x", 10_000) + " and more", 21, "id " + mJWT + " and…"},
		{"id " + jwt + strings.Repeat("x", 40_000) + " and more", 50, "id …"},
		{"id " + strings.Repeat("x", 40_000), 50, "id …"},
		{strings.Repeat("x ", 40_000), 5, "x x x…"},
	} {
		if got := r.Head(c.in, c.n); got != c.want {
			t.Errorf("Head(%.40q, %d) = %.80q, want %q", c.in, c.n, got, c.want)
		}
	}
	var none *redact.Redactor
	if got := none.Head(key, 8); got != key[:8]+"…" {
		t.Errorf("a nil Redactor's Head is %q", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct{ setting, says, advises string }{
		{`(foo`, `"(foo": missing closing )`, `\(`},
		{`secrets;[a`, `"[a": missing closing ]`, `\[`},
		{`[;]`, `"[": missing closing ]`, `a literal ; as \;`},
		{`*x`, `"*x"`, `backslash before it`},
		{`a\`, `"a\"`, `\\`},
		{`a{1001}`, `"a{1001}"`, `1000 times`},
		{`(?<!a)b`, `"(?<!a)b"`, `without look-around`},
		{`(?=a)b`, `"(?=a)b"`, `without look-around`},
		{`(a)\1`, `"(a)\1"`, `without back-references`},
		{`a*`, `"a*": it matches the empty string`, `x+ for x*`},
		{`\b`, `"\b": it matches the empty string`, `x+ for x*`},
		{`foo;^|bar`, `"^|bar": it matches the empty string`, `x+ for x*`},
		{`a{0,3}`, `"a{0,3}": it matches the empty string`, `x+ for x*`},
		{`(a?){3}`, `"(a?){3}": it matches the empty string`, `x+ for x*`},
		{`off;secrets`, `cannot combine off`, `write only one of them`},
		{`all;x;OFF`, `cannot combine off`, `write only one of them`},
		{`none`, `"none" is a keyword`, `write off,`},
		{`0`, `"0" is a keyword`, `write off,`},
		{`True`, `"True" is a keyword`, `write secrets,`},
		{`secrets,all`, `"secrets,all" is a keyword`, `; for the comma`},
		{"a\n(", `"a\n("`, `\(`},
		{"(" + strings.Repeat("ä", 500), `"(ä`, `\(`},
	} {
		r, err := redact.New(c.setting)
		if err == nil {
			t.Errorf("New(%q) has accepted it", c.setting)
			continue
		}
		if r != nil {
			t.Errorf("New(%q) returns an error and a Redactor", c.setting)
		}
		text := err.Error()
		if !strings.HasPrefix(text, "cannot ") || !strings.Contains(text, c.says) ||
			!strings.Contains(text, c.advises) {
			t.Errorf("New(%q) says %q, which does not contain %q and %q", c.setting, text, c.says, c.advises)
		}
		if strings.ContainsAny(text, "\r\n") || len(text) > 400 {
			t.Errorf("New(%q) says %q, which is not one short line", c.setting, text)
		}
	}
}

func TestOff(t *testing.T) {
	for setting, want := range map[string]bool{"off": true, " Off;": true, "": false, ";": false, "secrets": false,
		"all": false, "x": false} {
		if got := compile(t, setting).Off(); got != want {
			t.Errorf("%q: Off() = %v", setting, got)
		}
	}
	var zero redact.Redactor
	if !zero.Off() || zero.String(key) != key || zero.JSON(`"`+key+`"`) != `"`+key+`"` {
		t.Error("the zero value masks something")
	}
}

// What is not masked is not paid for with garbage.
func TestNoAllocation(t *testing.T) {
	for _, setting := range []string{"off", "secrets", "all"} {
		r := compile(t, setting)
		for _, text := range append(harmless, cleanLine) {
			if strings.Contains(text, "[redacted") {
				continue
			}
			if n := testing.AllocsPerRun(10, func() { r.String(text) }); n != 0 {
				t.Errorf("%s: String(%q) allocates %v times", setting, text, n)
			}
		}
		if n := testing.AllocsPerRun(10, func() { r.JSON(cleanObject) }); n != 0 {
			t.Errorf("%s: JSON(%s) allocates %v times", setting, cleanObject, n)
		}
	}
}

// hostile are texts that begin much and end nothing, repeated.
var hostile = []string{
	"eyJ", "eyJ-", "eyJ.", "-eyJaaaaaaaa", "eyJaaaaaaaaaa.", "eyJaaaaaaaaaa..", ".eyJaaaaaaaaaa.a",
	"4", "4 ", "4-", "4111 ", "4111-", "4111 1111 1111 111", "4111 1111 1111 1111 ", "4111111111111111 ",
	"4111111111111112 ", " ", "-",
	"@", "a@", "a@a.", "a.@", "@a.a-", "%40", "a%40a.", "ä@ä.",
	"AKIA", "ASIA", "AKIAA", "bearer", "bearer ", "Bearer\t", "bearer/", "authorization bearer ",
	"Authorization: Bearer ",
	"secretkey", "secretkey=", "secretaccesskey:\"", "sessiontoken", "sessiontoken=", "sessiontoken=aaaaaaaa ", "k",
	"K", "token", "key",
	"\\", "\\\"", "\"", "%", "%25", "%2525 ", "\\u005c", "\\u0025", "\\x5c", "\\ud83d", "{", "}", "{[(", "secretkey{",
	"{secretkey,", "secretkey\":{\"", "x\"}secretkey", "%3D", "\\n", "\\u0041", "\\u003deyJ", "[redacted",
	"[redacted]", "[redacted jwt] ",
}

// 128 KiB of each take milliseconds. Where something is quadratic it takes
// minutes: the test's own timeout is the judge.
func TestHostile(t *testing.T) {
	testkit.Slow(t)
	for _, unit := range hostile {
		checkHostile(t, compile(t, "all"), strings.Repeat(unit, 1<<17/len(unit)))
	}
}

func checkHostile(t *testing.T, r *redact.Redactor, text string) {
	t.Helper()
	r.Row([]redact.Text{{S: text}, {S: text}, {S: "secret key"}})
	if once := r.String(text); len(once) > 10*len(text) {
		t.Errorf("%.20q… has become %d bytes of %d", text, len(once), len(text))
	}
	object := `{"a":"` + text + `"}`
	if got := r.JSON(object); json.Valid([]byte(object)) && !json.Valid([]byte(got)) {
		t.Errorf("%.20q… is no JSON afterwards", object)
	}
}

// However many matches there are in a long text, none is left. What follows
// the last of those that are looked for is masked with it; expressions whose
// matches are short do without that.
func TestManyMatches(t *testing.T) {
	const n = 20_000
	text := strings.Repeat("xx, ", n)
	if got, want := compile(t, "x{1,2}").String(text), strings.Repeat(mAny+", ", n); got != want {
		t.Errorf("%d bytes are left, want %d", len(got), len(want))
	}
	got := compile(t, "x+").String(text)
	if rest := strings.TrimSuffix(strings.ReplaceAll(got, mAny+", ", ""), mAny); rest != "" {
		t.Errorf("%.100q… is left", rest)
	}
	if apart := strings.Count(got, mAny); apart < 200 || apart > n/2 {
		t.Errorf("%d of %d matches are told apart", apart, n)
	}
}
