variable "password" {
  type      = string
  sensitive = true
  default   = "correct-horse-battery"
}

resource "terraform_data" "policy" {
  input = {
    document = jsonencode({ Statement = [{ Effect = "Allow", Action = "*" }] })
    password = var.password
    region   = "eu-central-1"
  }
}

resource "terraform_data" "copy" {
  input            = [terraform_data.policy.output, terraform_data.policy.id]
  triggers_replace = ["v2"]
}

resource "terraform_data" "new" {
  input = terraform_data.copy.id
}

module "net" {
  source   = "./net"
  for_each = toset(["a.b", "d"])
  name     = each.key
}
