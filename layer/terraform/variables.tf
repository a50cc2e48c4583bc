variable "info_table_name" {
  description = "The informational table, whose rows expire."
  type        = string
  default     = "logtable-info"
}

variable "errors_table_name" {
  description = "The errors table, whose rows stay until somebody deletes them."
  type        = string
  default     = "logtable-errors"
}

variable "max_info_write_units" {
  description = "Maximum write units per second on the informational table, so that a runaway loop cannot run up a bill."
  type        = number
  default     = 1000
}

variable "max_errors_write_units" {
  description = "Maximum write units per second on the errors table."
  type        = number
  default     = 200
}

variable "point_in_time_recovery" {
  description = "Whether the errors table can be restored as it was at any second of the last 35 days."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Whether the errors table is protected against being deleted. Switch it off, and apply, before you destroy the module."
  type        = bool
  default     = true
}

variable "kms_key_arn" {
  description = "The KMS key of your own that encrypts both tables; null for DynamoDB's, which costs nothing."
  type        = string
  default     = null
}

variable "alert_topic_arns" {
  description = "SNS topics for alerts about severe records. Without any, there is no policy for alerts."
  type        = list(string)
  default     = []
}

variable "reader_roles" {
  description = "Names of roles that may read the tables."
  type        = list(string)
  default     = []
}

variable "resolver_roles" {
  description = "Names of roles that may say what became of a cause of errors. They need to read, too."
  type        = list(string)
  default     = []
}

variable "layer_directory" {
  description = "Where logtable-layer-arm64.zip and logtable-layer-x86_64.zip are: those of a release, or of `make layer`."
  type        = string
  default     = null
}

variable "name_prefix" {
  description = "What the policies' names begin with. A second set of tables in an account needs another one."
  type        = string
  default     = "logtable"
}
