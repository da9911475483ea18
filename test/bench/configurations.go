package main

// oneConfiguration is a file of 20 lines.
const oneConfiguration = `variable "name" {
  type    = string
  default = "shop"
}

resource "aws_s3_bucket" "logs" {
  bucket        = "${var.name}-logs"
  force_destroy = true
}

resource "aws_security_group" "web" {
  name        = var.name
  description = "Web"
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
`

// rootModule is what a small service has in an account of its own: twelve files with
// variables, locals, conditions, loops, policies and what refers to each other.
var rootModule = map[string]string{
	"versions.tf": `terraform {
  required_version = ">= 1.9, < 2"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
  backend "s3" {
    bucket       = "state"
    key          = "NAME"
    region       = "eu-central-1"
    encrypt      = true
    use_lockfile = true
  }
}
`,
	"providers.tf": `provider "aws" {
  region = var.region
  default_tags {
    tags = local.tags
  }
}
`,
	"variables.tf": `variable "region" {
  description = "Where it runs"
  type        = string
  default     = "eu-central-1"
}

variable "environment" {
  description = "Which of the environments"
  type        = string
  default     = "production"
  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "Choose staging or production."
  }
}

variable "networks" {
  description = "Networks of ours"
  type        = list(string)
  default     = ["10.0.0.0/16", "10.1.0.0/16"]
}

variable "queues" {
  description = "Queues by name"
  type = map(object({
    retention = optional(number, 345600)
    fifo      = optional(bool, false)
  }))
  default = {
    orders = {}
    mails  = { retention = 86400 }
  }
}
`,
	"terraform.tfvars": `environment = "staging"
networks    = ["10.20.0.0/16"]
`,
	"locals.tf": `locals {
  name = "NAME-${var.environment}"
  tags = {
    service     = "NAME"
    environment = var.environment
    managed-by  = "terraform"
  }
  subnets = [for i, net in var.networks : cidrsubnet(net, 8, i)]
  is_production = var.environment == "production"
}
`,
	"network.tf": `resource "aws_vpc" "main" {
  cidr_block           = var.networks[0]
  enable_dns_hostnames = true
  tags                 = merge(local.tags, { Name = local.name })
}

resource "aws_subnet" "private" {
  count      = length(local.subnets)
  vpc_id     = aws_vpc.main.id
  cidr_block = local.subnets[count.index]
  tags       = { Name = format("%s-%d", local.name, count.index) }
}

resource "aws_flow_log" "main" {
  vpc_id               = aws_vpc.main.id
  traffic_type         = "ALL"
  log_destination      = aws_s3_bucket.logs.arn
  log_destination_type = "s3"
}
`,
	"security.tf": `resource "aws_security_group" "web" {
  name        = local.name
  description = "Who reaches the service"
  vpc_id      = aws_vpc.main.id

  dynamic "ingress" {
    for_each = var.networks
    content {
      description = "from ${ingress.value}"
      from_port   = 443
      to_port     = 443
      protocol    = "tcp"
      cidr_blocks = [ingress.value]
    }
  }
}

resource "aws_security_group_rule" "out" {
  type              = "egress"
  description       = "to the database"
  security_group_id = aws_security_group.web.id
  from_port         = 5432
  to_port           = 5432
  protocol          = "tcp"
  cidr_blocks       = local.subnets
}
`,
	"storage.tf": `resource "aws_s3_bucket" "logs" {
  bucket = "${local.name}-logs"
}

resource "aws_s3_bucket_public_access_block" "logs" {
  bucket                  = aws_s3_bucket.logs.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "logs" {
  bucket = aws_s3_bucket.logs.id
  versioning_configuration {
    status = local.is_production ? "Enabled" : "Suspended"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.main.arn
    }
  }
}
`,
	"keys.tf": `resource "aws_kms_key" "main" {
  description             = "Data of ${local.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
}
`,
	"iam.tf": `data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "work" {
  statement {
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
    resources = [for q in aws_sqs_queue.main : q.arn]
  }
  statement {
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.logs.arn}/NAME/*"]
  }
}

resource "aws_iam_role" "task" {
  name               = local.name
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "task" {
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.work.json
}
`,
	"messages.tf": `resource "aws_sqs_queue" "main" {
  for_each                   = var.queues
  name                       = each.value.fifo ? "${local.name}-${each.key}.fifo" : "${local.name}-${each.key}"
  fifo_queue                 = each.value.fifo
  message_retention_seconds  = each.value.retention
  kms_master_key_id          = aws_kms_key.main.id
  visibility_timeout_seconds = 60
}

resource "aws_cloudwatch_log_group" "main" {
  name              = "/service/${local.name}"
  retention_in_days = local.is_production ? 365 : 90
  kms_key_id        = aws_kms_key.main.arn
}
`,
	"outputs.tf": `output "role" {
  description = "The role of the task"
  value       = aws_iam_role.task.arn
}

output "queues" {
  description = "Addresses of the queues"
  value       = { for name, q in aws_sqs_queue.main : name => q.url }
}
`,
}
