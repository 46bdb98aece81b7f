package validate
import ("testing";"os";"path/filepath";"strings";"github.com/kith-care/kith/fhir";"time")
func TestTmp(t *testing.T){
 files,_:=filepath.Glob("/tmp/a/e/package/*.json")
 n,bad:=0,0
 counts:=map[string]int{}
 start:=time.Now()
 for _,f:=range files{
  b:=filepath.Base(f)
  if b=="package.json"||strings.HasPrefix(b,".") {continue}
  if (strings.HasPrefix(b,"CodeSystem-")||strings.HasPrefix(b,"ValueSet-")||strings.HasPrefix(b,"SearchP")) && n%10!=0 {n++;continue}
  if strings.HasPrefix(b,"StructureDefinition-") && os.Getenv("FULL")!="" && n%20!=0 {n++;continue}
  d,_:=os.ReadFile(f)
  if len(d)>3000000 {continue}
  r,err:=fhir.Parse(d); if err!=nil{ t.Log(b,err); continue}
  n++
  var is []Issue
  if os.Getenv("FULL")!="" { var e error; is,e=(&Validator{}).Full(t.Context(),r); if e!=nil {t.Log(b,e)} } else {is=Structure(r)}
  x:=false
  for _,i:=range is { if i.Severity==Error || i.Code=="exception" { x=true; counts[i.Code+i.Key]++; if counts[i.Code+i.Key]<40 {t.Log(b,i.Code,i.Key,i.Expression,i.Message)} } }
  if x {bad++}
 }
 t.Log(n,bad,counts,time.Since(start))
}
