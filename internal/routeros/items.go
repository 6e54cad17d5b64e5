package routeros

import (
	"context"
	"strings"
)

// Item is a row of a menu that has no type of its own in this package.
type Item struct{ record record }

// Text is a property as text, "" when absent.
func (i Item) Text(property string) string { return i.record.text(property) }

// True reports whether a property is a boolean that is set.
func (i Item) True(property string) bool {
	on, err := i.record.flag(property)
	return on && err == nil
}

// Bytes is a property as a number of bytes, 0 when absent or not exact.
func (i Item) Bytes(property string) int64 {
	n, _ := i.record.bytes(property)
	return n
}

// List is a property with several values. JSON has them as a list, text separated by commas or semicolons.
func (i Item) List(property string) []string {
	if values, ok := i.record[property].([]any); ok {
		var list []string
		for _, value := range values {
			if text, ok := value.(string); ok {
				list = append(list, text)
			}
		}
		return list
	}
	return strings.FieldsFunc(i.Text(property), func(r rune) bool { return r == ',' || r == ';' })
}

// Items reads the rows of a menu, such as /user/group, for which the condition holds. Values in the condition must have
// passed [Quote]. An error is an [*Error], or the Executor's own.
func Items(ctx context.Context, x Executor, menu, condition string) ([]Item, error) {
	found, err := (&Volumes{x: x}).read(ctx, selection{menu, condition})
	if err != nil {
		return nil, withOp("read "+menu, err)
	}
	items := make([]Item, 0, len(found[0]))
	for _, r := range found[0] {
		items = append(items, Item{r})
	}
	return items, nil
}

// Change runs a command that changes something and prints nothing when it worked. Values in it must have passed [Quote].
// An error is an [*Error], or the Executor's own.
func Change(ctx context.Context, x Executor, command string) error {
	return withOp("change", (&Volumes{x: x}).write(ctx, command))
}
