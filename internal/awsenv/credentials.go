package awsenv

// A CredentialsError says that no request could be signed, and so none was
// sent: it is never about DynamoDB or SNS, whatever its cause is.
type CredentialsError struct {
	Why    string // without anybody's data: "the endpoint answered HTTP 500"
	Advice string // what to do
	Err    error  // the cause, or nil
}

func (e *CredentialsError) Error() string { return "cannot get credentials: " + e.Why }

func (e *CredentialsError) Unwrap() error { return e.Err }
