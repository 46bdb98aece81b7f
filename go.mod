module github.com/kith-care/kith

go 1.26
