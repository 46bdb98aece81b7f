package main

import "io"

func auditUnusual(args []string, stdout, stderr io.Writer) int { return 2 }
