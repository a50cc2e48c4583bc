package redact_test
import ("testing";"time";"strings")
func TestSlow(t *testing.T){
 t0:=time.Now(); checkHostile(t, compile(t, "a.*z|a|e"), strings.Repeat("a ", 1<<13)); t.Log("expr", time.Since(t0))
 for _,u:=range hostile { t0:=time.Now(); checkHostile(t, compile(t, "all"), strings.Repeat(u,1<<17/len(u))); if d:=time.Since(t0); d>400*time.Millisecond {t.Logf("%q %v",u,d)} }
}
