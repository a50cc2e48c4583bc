package redact
import ("testing";"strings")
func BenchmarkPiece(b *testing.B){
 s:=("order 4711 of customer 6f0c1b52-2d0e-4b6e-9d3f-000000000001 stored at 2026-11-22T10:52:00.573Z in 35.2 ms, key orders/2026/11/22/4711.json, next step is payment; arn:aws:dynamodb:eu-west-1:123456789012:table/orders took 5 write units, retried twice, batch 17 of 40. the quick brown fox jumps over a lazy dog")[:300]
 for n,f:=range map[string]func(string)int{"key":indexKeyID,"cred":indexCredentialName,"bearer":indexBearer,"jwt":indexJWT,"at":indexAt,"card":func(s string)int{if hasCard(s){return 1};return 0},
 "k":func(s string)int{return strings.IndexByte(s,'\x01')},
 "earer":func(s string)int{return strings.Index(s,"earer")+strings.Index(s,"EARER")},
 } {
 b.Run(n,func(b *testing.B){for b.Loop(){f(s)}})
 }
}
