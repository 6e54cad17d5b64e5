package driver

import (
	"cmp"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
)

// A token names the last volume of the page before. Lists are in the order of
// ids, so that a token stays good whatever comes or goes meanwhile: a volume
// that was there all the time is in exactly one page.
const tokenPrefix = "after:"

var errToken = errors.New("the starting token is not one of this driver")

func tokenAfter(id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(tokenPrefix + id))
}

// afterToken gives the id in a token, "" for the empty token.
func afterToken(token string) (id string, err error) {
	if token == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	id, ok := strings.CutPrefix(string(text), tokenPrefix)
	if err != nil || !ok || !isPossible(id) {
		return "", errToken
	}
	return id, nil
}

// page sorts items by id and gives those after the one named, at most limit (0:
// all), and the token for the next page, "" at the end.
func page[T any](items []T, id func(T) string, after string, limit int) (part []T, next string) {
	slices.SortFunc(items, func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	from, found := slices.BinarySearchFunc(items, after, func(item T, after string) int { return cmp.Compare(id(item), after) })
	if found {
		from++
	}
	part = items[from:]
	if limit > 0 && len(part) > limit {
		part = part[:limit]
		next = tokenAfter(id(part[limit-1]))
	}
	return part, next
}
