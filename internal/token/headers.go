package token

import "strings"

// Header fields of mails that are never codified. A filter that is trained on mails from several places learns the
// places first, if it can: SpamBayes learned the year in the Date field, and its authors came to leave most of the header
// out. What a mail's author, or his program, wrote stays; what was added on the way to the reader does not.
var skippedHeaders = []string{
	// Times and identifiers of a message, and who carried it.
	"received", "return-path", "thread-index", "thread-topic", "expires",
	"resent-*", "x-originalarrivaltime", "x-original-date", "x-message-id", "x-mimetrack", "x-originating-*", "delivery-date", "mail-followup-to", "x-mime-autoconverted", "x-authentication-warning", "x-antiabuse", "x-uidl", "x-uid", "x-imap*",
	"x-trace", "x-complaints-to", "x-nntp-*", "nntp-*", "xref", "path", "newsgroups",
	// Lists and archives: they say which list it was sent to.
	"list-*", "x-list*", "x-mailman*", "x-beenthere", "x-mailing-list", "mailing-list", "x-loop", "x-egroups*", "x-yahoo*",
	"precedence", "x-precedence", "errors-to", "sender", "x-sender", "x-x-sender", "old-return-path", "x-mail-from", "x-bulkmail", "x-url", "*mailscanner", "x-no-archive", "archived-at", "x-archive*", "x-archived-at", "x-topics",
	"x-admin", "approved", "x-ml*", "x-sequence", "list",
	// The mailbox that it lies in.
	"delivered-to", "x-delivered-to", "x-original-to", "envelope-to", "x-envelope-*", "x-apparently-to", "apparently-to", "status", "x-status",
	"x-keywords", "x-mozilla*", "x-evolution*", "x-gmail*", "x-gm-*", "x-fetched*", "x-pop3*", "x-account-key", "lines",
	"content-length", "replied", "forwarded", "x-exmh*", "x-sieve", "x-cron-env", "x-label", "x-rcpt-to", "x-rcpt",
	// Verdicts of other filters: to learn from them is to become them.
	"x-spam*", "x-bogosity", "x-virus*", "x-scanned*", "x-amavis*", "x-antispam*", "x-antivirus*", "x-razor*",
	"x-pyzor*", "x-dspam*", "x-crm114*", "x-rspamd*", "x-habeas*", "x-barracuda*", "x-ironport*", "x-proofpoint*", "x-filter*",
	"x-ms-exchange-organization-scl", "x-forefront*", "x-microsoft-antispam*", "authentication-results", "arc-*", "dkim-signature",
	"domainkey-signature", "x-dkim*", "received-spf", "x-pmx*", "x-hashcash", "x-cam*",
}

// unreadHeaders are header fields that a mail has or has not, which tells something, as a reply's reference does; what
// is in them is a time or an identifier.
var unreadHeaders = []string{"date", "message-id", "in-reply-to", "references", "reply-by", "x-face"}

// skippedHeader reports whether the header field with that name, in lower case, says nothing that counts.
func skippedHeader(name string) bool {
	for _, s := range skippedHeaders {
		if suffix, found := strings.CutPrefix(s, "*"); found && strings.HasSuffix(name, suffix) {
			return true
		}
		if prefix, found := strings.CutSuffix(s, "*"); found && strings.HasPrefix(name, prefix) || name == s {
			return true
		}
	}
	return false
}
