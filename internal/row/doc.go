// Package row is the format of the tables: which attributes a row has, how its
// key is made, how it is encoded, how several lines are packed into one item,
// and the forms in which a row waits on /tmp and stands in the log. Writers and
// readers of rows share it. It holds no rows and sends none.
package row
