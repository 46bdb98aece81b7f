package town

import "fmt"

// nhsNumber returns person i's number: 999, five scattered digits, a sixth that lets the check digit exist, the check
// digit. Every person's is different, and none is ever issued to anyone. 999 gives 900,000 numbers; beyond, they begin
// with 000, which is never issued either.
// https://www.datadictionary.nhs.uk/attributes/nhs_number.html
func nhsNumber(seed int64, i int) string {
	const prefixes = 100_000
	range3 := [...]string{"999", "000"}[i/(9*prefixes)]
	i %= 9 * prefixes
	start := int(uint64(seed) * 7919 % prefixes)
	prefix := (i/9*61_363 + start) % prefixes // 61,363 and 100,000 share no factor: no prefix comes twice
	which := i % 9
	for last := range 10 {
		body := fmt.Sprintf("%s%05d%d", range3, prefix, last)
		check, ok := checkDigit(body)
		if !ok {
			continue // at most one of the ten digits has no check digit, so at least nine are left
		}
		if which == 0 {
			return fmt.Sprintf("%s%d", body, check)
		}
		which--
	}
	panic("town: an NHS number prefix has fewer than nine numbers")
}

// checkDigit returns the tenth digit of an NHS number; ok is false where there is none. (modulus 11)
func checkDigit(nine string) (digit int, ok bool) {
	sum := 0
	for i := range 9 {
		sum += int(nine[i]-'0') * (10 - i)
	}
	digit = 11 - sum%11
	if digit == 11 {
		digit = 0
	}
	return digit, digit != 10
}
