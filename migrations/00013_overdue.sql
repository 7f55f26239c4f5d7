-- +goose Up
-- Invoices that are not paid, by the day that they are due.
CREATE INDEX finance_documents_due ON finance_documents (account_id, (doc->>'dueOn'))
	WHERE kind = 'INVOICE' AND (doc->'remaining'->>'amount')::numeric > 0;

-- +goose Down
DROP INDEX finance_documents_due;
