package store

import "errors"

func (r *row) checkPack() error { return errors.New("it holds several lines") }
