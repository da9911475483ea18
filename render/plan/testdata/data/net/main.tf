variable "name" {
  type = string
}

resource "terraform_data" "subnet" {
  count = 2
  input = "${var.name}-${count.index}"
}

resource "terraform_data" "route" {
  count = 2
  input = { of = terraform_data.subnet[count.index].id }
}
