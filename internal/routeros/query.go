package routeros

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// selection is a read of one menu, narrowed by a condition.
type selection struct {
	menu  string // "/disk"
	where string // quoted
}

func where(menu, property, value string) selection {
	return selection{menu, property + "=" + quoted(value)}
}

// quoted quotes a value that passed checkSlot, cleanBase or checkNQN; Quote refuses nothing that they let through.
func quoted(value string) string {
	text, err := Quote(value)
	if err != nil {
		panic(err)
	}
	return text
}

func disksWhere(property, value string) selection { return where("/disk", property, value) }

func (s selection) json() string {
	return fmt.Sprintf(":put [:serialize to=json [%s print detail as-value where %s]]", s.menu, s.where)
}

// read reads the selections in as few lines as their length allows, and gives a list of items for each.
func (v *Volumes) read(ctx context.Context, selections ...selection) ([][]record, error) {
	var lists [][]record
	for len(selections) > 0 {
		command, n := selections[0].json(), 1
		for n < len(selections) && len(command)+len(selections[n].json()) < maxLine-sentinelRoom {
			command += "; " + selections[n].json()
			n++
		}
		some, err := v.readJSON(ctx, command, n)
		if lacksSerialize(err) {
			some, err = v.readText(ctx, selections[:n])
		}
		if err != nil {
			return nil, err
		}
		lists, selections = append(lists, some...), selections[n:]
	}
	return lists, nil
}

// readJSON runs a line that prints n JSON values.
func (v *Volumes) readJSON(ctx context.Context, command string, n int) ([][]record, error) {
	text, err := v.ask(ctx, command)
	if err != nil {
		return nil, err
	}
	lists, err := decodeRecords(text, n)
	if err == nil {
		return lists, nil
	}
	if _, rest := scanRecords(text); strings.TrimSpace(rest) != "" {
		return nil, unread(rest, command)
	}
	return nil, &Error{Kind: ErrMalformed, Text: oneLine(text), Cause: err}
}

// lacksSerialize reports whether this RouterOS is from before 7.13.
func lacksSerialize(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == ErrUnsupported && strings.Contains(e.Text, "serialize")
}

// readText does the same through print detail, where RouterOS has no :serialize.
func (v *Volumes) readText(ctx context.Context, selections []selection) ([][]record, error) {
	var lists [][]record
	for _, s := range selections {
		command := fmt.Sprintf("%s print detail where %s", s.menu, s.where)
		text, err := v.ask(ctx, command)
		if err != nil {
			return nil, err
		}
		list, err := parseDetail(text)
		if err != nil {
			if looksRefused(text) {
				return nil, unread(text, command)
			}
			return nil, malformed(err)
		}
		lists = append(lists, list)
	}
	return lists, nil
}

// ask runs a read and gives what it printed, once the sentinel proves that this is all.
func (v *Volumes) ask(ctx context.Context, command string) (string, error) {
	nonce := newNonce()
	line, err := withSentinel(command, nonce)
	if err != nil {
		return "", err
	}
	output, err := v.x.Exec(ctx, line)
	if err != nil {
		return "", err
	}
	if err := tooLong(output, maxReply); err != nil {
		return "", err
	}
	text, complete := beforeSentinel(output, nonce)
	if complete {
		return text, nil
	}
	if _, rest := scanRecords(text); looksRefused(rest) {
		return "", unread(rest, command)
	}
	return "", &Error{Kind: ErrTruncated, Text: truncation(output), Remedy: remedies[ErrTruncated]}
}

// unread is the error for words where a read should have printed data. Only what says that reading itself is not possible
// here keeps its kind. The rest says nothing about the item: that there is none follows from a whole list without it
// alone, and that something exists, is in use or failed is no answer to a read.
func unread(text, command string) *Error {
	err := refusal(text, command)
	switch err.Kind {
	case ErrNotAllowed, ErrUnsupported, ErrRoseStorageMissing, ErrPoolUnavailable:
		return err
	}
	return &Error{Kind: ErrMalformed, Text: err.Text, Remedy: remedies[ErrTruncated]}
}

// write runs a command that changes something and prints nothing when it worked.
func (v *Volumes) write(ctx context.Context, command string) error {
	nonce := newNonce()
	line, err := withSentinel(command, nonce)
	if err != nil {
		return err
	}
	output, err := v.x.Exec(ctx, line)
	if err != nil {
		return err
	}
	output = output[:min(len(output), maxReply)]
	text, complete := beforeSentinel(output, nonce)
	switch {
	case strings.TrimSpace(printable(text)) == "" && complete:
		return nil
	case complete || hasSentinel(output, nonce): // a refusal would have ended the line before its sentinel
		return unknownOutcome("the device confirmed the command and also said: " + text)
	case strings.TrimSpace(printable(text)) != "":
		return refusal(text, command)
	}
	return &Error{Kind: ErrOutcomeUnknown, Text: "the device did not confirm the command", Remedy: remedies[ErrOutcomeUnknown],
		Cause: ErrTruncated}
}

// writeSelected is write for a command on what a [find] selects. Most commands do nothing without a word where that is
// nothing, and some say so; it is no failure, and what there is then only a look tells.
func (v *Volumes) writeSelected(ctx context.Context, command string) error {
	if err := v.write(ctx, command); !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// one gives the only item of a list, nil if there is none. An item that is not what was asked for, or a second one,
// means that the reply cannot be trusted.
func one(list []record, property, value string) (record, error) {
	if len(list) > 1 {
		return nil, &Error{Kind: ErrMalformed, Text: fmt.Sprintf("%d items have the %s %s", len(list), property, value)}
	}
	if len(list) == 0 {
		return nil, nil
	}
	if got := list[0].text(property); strings.Trim(got, "/") != strings.Trim(value, "/") {
		return nil, &Error{Kind: ErrMalformed, Text: oneLine(fmt.Sprintf("asked for the %s %s, got %s", property, value, got))}
	}
	return list[0], nil
}
